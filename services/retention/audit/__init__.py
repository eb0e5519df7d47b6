"""The audit trail of all services."""
