"""`ombud policy`: a policy officer's tool: check a pack, see what it changes, have it published by two persons."""
