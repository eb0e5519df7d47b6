"""Accounts: the nickname in front, and the level of what is known behind it."""
