"""Accreditations and the marks that anyone can check."""
