"""What the public figures say about tip-offs."""
