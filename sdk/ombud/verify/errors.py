"""The one error of this package."""


class VerificationError(Exception):
    """What was given does not prove what it claims, or is not in the form that it must have."""
