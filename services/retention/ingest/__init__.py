"""Ingest: from a frame on the wire to bytes on stable storage."""
