"""Ombud: typed contracts, client and offline verifier."""
