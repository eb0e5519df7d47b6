"""Sanctions: statements of reasons, approval by a second person, notice, and what is in force."""
