"""Verifications: evidence in, a level out."""
