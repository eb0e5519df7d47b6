"""Ids that a caller makes."""

import uuid


def request_id() -> str:
    """Makes the idempotency key of one act (AIP-155).

    Make it once for the act and keep it over your own retries: the server performs the act at most
    once and answers a retry with the first answer.

    Returns:
        A random UUID (version 4) in its canonical text form.
    """
    return str(uuid.uuid4())  # noqa: TID251 - the client stands alone, without the chassis
