"""The four services; each knows the others by their contract alone."""
