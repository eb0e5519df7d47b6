"""Memberships: who belonged to a group when, as the audit trail tells."""
