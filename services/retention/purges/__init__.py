"""Purges: how a day of records ends, and the certificate of it."""
