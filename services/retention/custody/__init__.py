"""Custody: who holds the keys of closed days, and how two of them open what was approved."""
