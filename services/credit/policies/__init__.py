"""The policy packs that were in force, and when."""
