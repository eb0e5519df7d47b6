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
        notice_webhook: Where notices are posted to; without it they go to a file under the data folder.
    """

    notice_webhook: NoticeWebhook | None = None
