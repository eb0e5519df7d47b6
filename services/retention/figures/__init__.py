"""What the public figures say about retained records."""
