"""Holds: what may not be destroyed though its time has come."""
