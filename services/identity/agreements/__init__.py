"""Agreements and the signatures under them."""
