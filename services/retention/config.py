"""Settings of the retention service."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from chassis.config import ServiceConfig, Settings
from ombud.verify import VerificationError, WitnessKey

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("must be an https URL; http only on loopback")
    return url


class ObjectStoreConfig(Settings):
    """An S3-compatible object store with Object Lock.

    Attributes:
        bucket: The bucket; it was made with Object Lock.
        endpoint: URL of the store, https but on loopback; Amazon's if absent.
        region: The bucket's region.
        prefix: What stands before the names of all files: empty, or with a `/` at its end.
    """

    bucket: str = Field(min_length=3, max_length=63)
    endpoint: str | None = None
    region: str = "us-east-1"
    prefix: str = Field(default="", pattern=r"^([^/]+/)*$")

    @field_validator("endpoint")
    @classmethod
    def _encrypted_but_on_loopback(cls, endpoint: str | None) -> str | None:
        return endpoint and _checked_url(endpoint)


class WitnessConfig(Settings):
    """A witness that cosigns the log's checkpoints.

    Attributes:
        url: Its submission prefix (C2SP tlog-witness), https but on loopback.
        vkey: Its verifier key, of type 0x04.
    """

    url: str
    vkey: str

    @field_validator("url")
    @classmethod
    def _encrypted_but_on_loopback(cls, url: str) -> str:
        return _checked_url(url)

    @field_validator("vkey")
    @classmethod
    def _readable(cls, vkey: str) -> str:
        try:
            WitnessKey.parse(vkey)
        except VerificationError as error:
            raise ValueError(str(error)) from error
        return vkey


class SegmentsConfig(Settings):
    """Where segment files are kept.

    Attributes:
        s3: The object store; a folder of `data_dir` if absent.
    """

    s3: ObjectStoreConfig | None = None


class RetentionConfig(ServiceConfig):
    """What the retention service needs to know.

    Attributes:
        log_origin: The log's name, which its key bears too: a URL without a scheme, for example. It can not change.
        seal_seconds: At most so long after its acknowledgement a record is covered by a signed checkpoint.
        segment_records: A segment is sealed at once when this many records wait.
        backlog_records: With this many acknowledged records not yet sealed, appending waits.
        backlog_seconds: A stream that has waited so long is refused its frames until sealing has caught up.
        tick_seconds: So often what time does by itself is looked after: windows that end, days at their ceiling.
        scrub_days: In so many days every segment file is read once and compared with the log.
        custodian_slots: For how many custodians the secret of a new day is made. Any two of them open a closed day.
        first_custodians: A folder of public keys, `<slot>.pub`, of custodians for the slots that nobody was registered
            for: how a suite on one machine starts. None: custodians are registered by two persons alone.
        grace_seconds: How long after midnight (UTC) a day closes.
        key_backup_days: After so long no backup of the folder `keys` is left; the certificate of a purge says so.
        floor_bytes: With less free space than this, nothing is accepted.
        segments: Where segment files are kept.
        witnesses: Who cosigns each checkpoint before it is published.
        witness_seconds: A checkpoint is published without the cosignature of a witness that takes longer.
    """

    log_origin: str = Field(default="ombud.local/log", pattern=r"^[^\s+]+$", max_length=255)
    seal_seconds: float = Field(default=1.0, gt=0, le=5)
    segment_records: int = Field(default=262_144, ge=1, le=1 << 20)
    backlog_records: int = Field(default=1_048_576, ge=1)
    backlog_seconds: float = Field(default=15.0, gt=0)
    tick_seconds: float = Field(default=1.0, gt=0, le=60)
    scrub_days: float = Field(default=7, gt=0)
    custodian_slots: int = Field(default=3, ge=2, le=16)
    first_custodians: Path | None = None
    grace_seconds: float = Field(default=3600, ge=0, le=86_400)
    key_backup_days: int = Field(default=14, ge=0, le=90)
    floor_bytes: int = Field(default=256 << 20, ge=0)
    segments: SegmentsConfig = SegmentsConfig()
    witnesses: tuple[WitnessConfig, ...] = ()
    witness_seconds: float = Field(default=2.0, gt=0, le=4)
