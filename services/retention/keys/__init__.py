"""Keys: a secret for each UTC day, the keys of scopes that follow from it, and how both end."""
