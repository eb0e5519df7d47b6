"""Referrals to authorities: single acts of two persons that stay on file."""
