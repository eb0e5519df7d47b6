"""Tip-offs and the promise to answer them in time."""
