"""Settings of the credit service."""

from chassis.config import ServiceConfig


class CreditConfig(ServiceConfig):
    """What the credit service needs to know; it has no settings of its own."""
