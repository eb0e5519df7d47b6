"""Settings of the groups service."""

from pydantic import Field

from chassis.config import ServiceConfig, Settings


class TipOffIntake(Settings):
    """How many tip-offs are taken in; whoever comes too early is told when to come back.

    Attributes:
        minutes: The span in which they are counted, in minutes.
        about_one_target: Most of them about one account or group.
        in_all: Most of them in all.
    """

    minutes: int = Field(default=10, ge=1, le=1440)
    about_one_target: int = Field(default=60, ge=1)
    in_all: int = Field(default=1200, ge=1)


class GroupsConfig(ServiceConfig):
    """What the groups service needs to know: its database, its data folder, the policy pack in force.

    Attributes:
        tip_off_intake: How many tip-offs are taken in.
    """

    tip_off_intake: TipOffIntake = Field(default_factory=TipOffIntake)
