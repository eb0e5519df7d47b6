"""Access to retained records: for a case, by two persons, within scope and window, on the register."""
