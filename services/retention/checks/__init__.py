"""Checks of what is on disk: everything that can be derived is derived again and compared."""
