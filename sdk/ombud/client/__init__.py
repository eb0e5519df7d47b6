"""The client of Ombud: channels with deadlines, retries, identity, traces and typed errors."""

from ombud.client.channel import connect
from ombud.client.errors import OmbudError, Violation
from ombud.client.ids import request_id
from ombud.client.producer import Producer
from ombud.client.tls import Tls

__all__ = ["OmbudError", "Producer", "Tls", "Violation", "connect", "request_id"]
