"""Page tokens (AIP-158): opaque, bound to the listing they belong to, and signed."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from google.protobuf.message import Message

from chassis.refusal import ErrorReason, Refusal

_DEFAULT = 50
_MOST = 500
_TAG = 16


@dataclass(frozen=True)
class Page:
    """One page to be read.

    Attributes:
        size: Most rows to return; read one more to know whether a further page exists.
        after: Sort key of the last row of the page before; empty on the first.
        listing: Digest of the request without its page fields.
    """

    size: int
    after: tuple[str, ...]
    listing: bytes


class Pages:
    """Opens and makes page tokens.

    Args:
        key: Secret of the service, 32 bytes. A token of another key is refused.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open(self, request: Message) -> Page:
        """The page that a List request asks for.

        Args:
            request: A message with `page_size` (0: 50; more than 500 counts as 500) and `page_token`.

        Raises:
            Refusal: PAGE_TOKEN_REFUSED.
        """
        listing = _listing(request)
        size = min(request.page_size or _DEFAULT, _MOST)  # type: ignore[attr-defined]  # a paged request
        token: str = request.page_token  # type: ignore[attr-defined]  # a paged request
        return Page(size, self._open(token, listing) if token else (), listing)

    def token(self, page: Page, *last: str) -> str:
        """The token for the page after the row whose sort key is `last`."""
        body = json.dumps(last).encode()
        return base64.urlsafe_b64encode(self._tag(page.listing, body) + body).decode()

    def _open(self, token: str, listing: bytes) -> tuple[str, ...]:
        try:
            raw = base64.urlsafe_b64decode(token)
        except ValueError:
            raise _refused() from None
        tag, body = raw[:_TAG], raw[_TAG:]
        if not hmac.compare_digest(tag, self._tag(listing, body)):
            raise _refused()
        return tuple(json.loads(body))

    def _tag(self, listing: bytes, body: bytes) -> bytes:
        return hmac.digest(self._key, listing + body, "sha256")[:_TAG]


def _listing(request: Message) -> bytes:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    name = bare.DESCRIPTOR.full_name.encode()
    return hashlib.sha256(name + b"\0" + bare.SerializeToString(deterministic=True)).digest()


def _refused() -> Refusal:
    return Refusal.field(
        "page_token",
        "the page token is not of this listing",
        reason=ErrorReason.ERROR_REASON_PAGE_TOKEN_REFUSED,
        satisfy="next_page_token of the answer before, with all other fields unchanged",
    )
