"""Segments: sealed files of records, what the log commits to, and the way back to a record."""
