"""Benchmarks over the real suite and its real API; each prints one line that a machine can read."""
