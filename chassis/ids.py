"""Ids of everything that Ombud stores."""

import uuid_utils


def new_id() -> str:
    """A UUIDv7 (RFC 9562) as text: unique without asking a database, and close in an index to its contemporaries."""
    return str(uuid_utils.uuid7())
