"""Settings of the retention service."""

from pydantic import Field

from chassis.config import ServiceConfig


class RetentionConfig(ServiceConfig):
    """What the retention service needs to know.

    Attributes:
        log_origin: The log's name, which its key bears too: a URL without a scheme, for example. It can not change.
        seal_seconds: At most so long after its acknowledgement a record is covered by a signed checkpoint.
        segment_records: A segment is sealed at once when this many records wait.
        backlog_records: With this many acknowledged records not yet sealed, appending waits.
        tick_seconds: So often what time does by itself is looked after: windows that end, days at their ceiling.
        floor_bytes: With less free space than this, nothing is accepted.
    """

    log_origin: str = Field(default="ombud.local/log", pattern=r"^[^\s+]+$", max_length=255)
    seal_seconds: float = Field(default=1.0, gt=0, le=5)
    segment_records: int = Field(default=65_536, ge=1, le=1 << 20)
    backlog_records: int = Field(default=524_288, ge=1)
    tick_seconds: float = Field(default=1.0, gt=0, le=60)
    floor_bytes: int = Field(default=256 << 20, ge=0)
