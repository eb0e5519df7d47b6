"""Settings of the identity service."""

from pathlib import Path

from chassis.config import ServiceConfig


class IdentityConfig(ServiceConfig):
    """What the identity service needs to know.

    Attributes:
        key_file: The root key (32 bytes), kept apart from the database and its backups; made if absent. Default:
            `keys/identity.key` in the data folder.
    """

    key_file: Path | None = None
