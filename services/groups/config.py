"""Settings of the groups service."""

from chassis.config import ServiceConfig


class GroupsConfig(ServiceConfig):
    """What the groups service needs to know: its database, its data folder, the policy pack in force."""
