"""`ombud prove`: what a running suite shows for an article that a policy pack serves."""
