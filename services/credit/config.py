"""Settings of the credit service."""

from pathlib import Path

from pydantic import Field

from chassis.config import ServiceConfig, Settings


class NoticeWebhook(Settings):
    """Where notices are posted to.

    Attributes:
        url: The platform's endpoint; plaintext on loopback only.
        secret_file: File with the key of the signatures, 32 bytes.
    """

    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|localhost)[:/])")
    secret_file: Path


class CreditConfig(ServiceConfig):
    """What the credit service needs to know.

    Attributes:
        instance: Name of this instance among those of the operator, by which they know each other's blacklist entries.
        blacklist_key_file: File with the key of the blacklist's digests and seals, 32 bytes, the same for all instances
            of the operator; without it one is made under the data folder.
        notice_webhook: Where notices are posted to; without it they go to a file under the data folder.
    """

    instance: str = Field(default="main", pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")
    blacklist_key_file: Path | None = None
    notice_webhook: NoticeWebhook | None = None
