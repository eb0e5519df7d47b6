"""The register: acts on retained records, in order, each of them a leaf of the log."""
