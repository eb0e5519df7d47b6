"""From a connection and its metadata to a caller."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from chassis.auth.caller import ANONYMOUS, Caller
from chassis.auth.tokens import TokenVerifier
from chassis.refusal import ErrorReason, Refusal

_BEARER = "Bearer "


Proof = Callable[[], Mapping[str, Iterable[bytes]]]


class Authenticator(Protocol):
    """Proves who is behind a call."""

    def authenticate(self, authorization: str, proof: Proof) -> Caller:
        """The caller.

        Args:
            authorization: The header of that name; empty if absent.
            proof: Gives the connection's own proof; asked only where it counts.

        Raises:
            Refusal: TOKEN_REFUSED or UNAUTHENTICATED, if something was offered that proves nothing.
        """
        ...


class LoopbackAuthenticator:
    """For plaintext on loopback: a token is the only proof, and without one the caller is anonymous."""

    def __init__(self, tokens: TokenVerifier) -> None:
        self._tokens = tokens

    def authenticate(self, authorization: str, proof: Proof) -> Caller:
        """See `Authenticator`."""
        del proof  # plaintext proves nothing
        return self._tokens.workload_or_person(_bearer(authorization)) if authorization else ANONYMOUS


class MutualTlsAuthenticator:
    """For mTLS: the certificate's SPIFFE id proves the workload, a token only the person behind it.

    Args:
        tokens: Checks people's tokens.
        trust_domain: The SPIFFE trust domain whose workloads are known, such as `ombud.example`.
    """

    def __init__(self, tokens: TokenVerifier, *, trust_domain: str) -> None:
        self._tokens = tokens
        self._trust_domain = trust_domain

    def authenticate(self, authorization: str, proof: Proof) -> Caller:
        """See `Authenticator`."""
        workload = self._workload(list(proof().get("peer_spiffe_id", ())))
        return Caller(workload, self._tokens.person(_bearer(authorization)) if authorization else None)

    def _workload(self, spiffe_ids: list[bytes]) -> str:
        if not spiffe_ids:
            return ""
        uri = urlsplit(spiffe_ids[0].decode(errors="replace"))
        workload = uri.path.rpartition("/")[2]
        if len(spiffe_ids) != 1 or uri.scheme != "spiffe" or uri.netloc != self._trust_domain or not workload:
            raise Refusal(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED,
                "the certificate names no workload of this trust domain",
                satisfy=f"a certificate with one URI name spiffe://{self._trust_domain}/<workload>",
                scheme="spiffe",
            )
        return workload


def _bearer(authorization: str) -> str:
    if not authorization.startswith(_BEARER):
        raise Refusal(
            ErrorReason.ERROR_REASON_TOKEN_REFUSED,
            "the authorization header is not a bearer token",
            satisfy="authorization: Bearer <token>",
            cause="scheme",
        )
    return authorization.removeprefix(_BEARER)
