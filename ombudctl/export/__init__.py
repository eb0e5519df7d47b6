"""`ombud access export`: retained records as files that a court, a reviewer's tool or a script reads."""
