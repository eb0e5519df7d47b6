"""The client of Ombud: channels with deadlines, retries, identity, traces and typed errors."""

from ombud.client.channel import Tls, connect
from ombud.client.errors import OmbudError, Violation
from ombud.client.ids import request_id

__all__ = ["OmbudError", "Tls", "Violation", "connect", "request_id"]
