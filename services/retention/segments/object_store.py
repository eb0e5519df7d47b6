"""Segment files in an S3-compatible object store, each version locked until its floor by the store itself.

The lock is Object Lock in compliance mode: until its date nobody removes the version or brings the date forward, not
even the account's owner. It is set by the call that stores the file, so that no moment is without it. Anybody who may
write can still put another version, or a marker of deletion, over a file: what was locked is under it and is found.
"""

import contextlib
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import obstore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import BaseError
from obstore.store import S3Store

from chassis.clock import Clock
from chassis.config import ConfigError
from chassis.refusal import Refusal
from services.retention.config import ObjectStoreConfig
from services.retention.segments.storage import StillLockedError

_log = logging.getLogger("ombud.retention.object_store")

_NAME = "object store"
_MODE = "COMPLIANCE"
_PROBE, _PROBE_LOCK = "lock-probe", timedelta(minutes=1)
_ATTEMPTS, _CONNECT_SECONDS, _READ_SECONDS = 3, 5, 30
_FORBIDDEN = 403


class ObjectStore:
    """Keeps segment files in a bucket; see `SegmentStorage`. Credentials are what `boto3` finds in its surroundings.

    Args:
        config: Which bucket, and where.
        clock: The server's clock.
    """

    def __init__(self, config: ObjectStoreConfig, clock: Clock) -> None:
        session = boto3.Session()
        self._bucket = config.bucket
        self._prefix = config.prefix
        self._clock = clock
        self._client: Any = session.client(
            "s3",
            endpoint_url=config.endpoint,
            region_name=config.region,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
                s3={"addressing_style": "path" if config.endpoint else "auto"},
            ),
        )
        self._data = S3Store(
            config.bucket,
            prefix=config.prefix or None,
            endpoint=config.endpoint,
            region=config.region,
            credential_provider=Boto3CredentialProvider(session),
            client_options={"allow_http": True, "timeout": timedelta(seconds=_READ_SECONDS)},
            retry_config={"max_retries": _ATTEMPTS - 1, "retry_timeout": timedelta(seconds=_READ_SECONDS)},
        )

    def check(self) -> None:
        """Locks a probe, tries to remove it and to unlock it early, and looks whether it is still there and locked.

        Raises:
            ConfigError: It is not: the store promises Object Lock and does not enforce it, or does not know it.
        """
        try:
            self._probe()
        except (ClientError, BotoCoreError) as error:
            raise ConfigError(f"segments.s3: the store can not be probed: {_code(error)}") from error

    def put(self, name: str, content: bytes, *, keep_until: datetime) -> None:
        """Stores a file, locked."""
        with _asking():
            self._put(name, content, keep_until)

    def copies(self, name: str) -> Iterator[bytes]:
        """The versions of a file, the newest first."""
        with _asking():
            try:
                content = bytes(obstore.get(self._data, name).bytes())
            except FileNotFoundError:
                content = b""
        if content:
            yield content
        with _asking():
            older = [each["VersionId"] for each in self._versions(name) if not (content and each["IsLatest"])]
        for version in older:
            with _asking():
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name, VersionId=version)
                content = answer["Body"].read()
            yield content

    def names(self) -> Iterator[str]:
        """The names of all files, those under a marker of deletion too."""
        pages = self._client.get_paginator("list_object_versions")
        with _asking():
            found = {
                version["Key"].removeprefix(self._prefix)
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix)
                for version in page.get("Versions", ())
            }
        yield from sorted(found - {_PROBE})

    def delete(self, name: str) -> int:
        """Removes every version of a file, and every marker of its deletion."""
        freed = 0
        with _asking():
            versions = [*self._versions(name), *self._versions(name, "DeleteMarkers")]
        for version in versions:
            try:
                with _asking(refused=_FORBIDDEN):
                    self._client.delete_object(
                        Bucket=self._bucket, Key=self._prefix + name, VersionId=version["VersionId"]
                    )
            except ClientError:
                raise StillLockedError(f"{name}: locked by the object store") from None
            freed += version.get("Size", 0)
        return freed

    def _put(self, name: str, content: bytes, keep_until: datetime) -> str:
        # A store accepts no lock that would be over already.
        lock = {"ObjectLockMode": _MODE, "ObjectLockRetainUntilDate": keep_until}
        answer = self._client.put_object(
            Bucket=self._bucket,
            Key=self._prefix + name,
            Body=content,
            ChecksumAlgorithm="SHA256",
            **(lock if keep_until > self._clock.now() else {}),
        )
        return str(answer["VersionId"])

    def _versions(self, name: str, kind: str = "Versions") -> list[dict[str, Any]]:
        key = self._prefix + name
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        return [version for page in pages for version in page.get(kind, ()) if version["Key"] == key]

    def _probe(self) -> None:
        lock = self._client.get_object_lock_configuration(Bucket=self._bucket)
        if lock.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise ConfigError("segments.s3: Object Lock is off in this bucket; name one that was made with it")
        until = (self._clock.now() + _PROBE_LOCK).replace(microsecond=0)
        which = {"Bucket": self._bucket, "Key": self._prefix + _PROBE}
        which["VersionId"] = self._put(_PROBE, b"probe", until)
        early = {"Mode": _MODE, "RetainUntilDate": until - _PROBE_LOCK / 2}
        with contextlib.suppress(ClientError):
            self._client.put_object_retention(**which, Retention=early, BypassGovernanceRetention=True)
        with contextlib.suppress(ClientError):
            self._client.delete_object(**which, BypassGovernanceRetention=True)
        try:
            found = self._client.head_object(**which)
        except ClientError:
            raise ConfigError("segments.s3: the store let a locked object be removed") from None
        if found.get("ObjectLockMode") != _MODE or found["ObjectLockRetainUntilDate"] < until:
            raise ConfigError("segments.s3: the store let a lock be loosened before its date")


@contextlib.contextmanager
def _asking(refused: int | None = None) -> Iterator[None]:
    """Makes a failure of the store a Refusal, but for answers with the status that the caller expects."""
    try:
        yield
    except (ClientError, BotoCoreError, BaseError) as error:
        if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] == refused:
            raise
        _log.error("the object store failed: %s", _code(error))
        raise Refusal.peer_unavailable(_NAME) from error


def _code(error: Exception) -> str:
    """What went wrong, without the request's details."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
