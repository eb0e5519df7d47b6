"""From a connection and its metadata to a caller."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from chassis.auth.caller import ANONYMOUS, Caller, Person
from chassis.auth.tokens import TokenVerifier
from chassis.refusal import ErrorReason, Refusal

_BEARER = "Bearer "
_WORKLOAD = re.compile(r"/([A-Za-z0-9._-]+)")


Proof = Callable[[], Mapping[str, Iterable[bytes]]]


class Authenticator(Protocol):
    """Proves who is behind a call."""

    def authenticate(self, authorization: str, proof: Proof) -> Caller:
        """The caller.

        Args:
            authorization: The header of that name; empty if absent.
            proof: Gives the connection's own proof; asked only where it counts.

        Raises:
            Refusal: TOKEN_REFUSED or UNAUTHENTICATED, if something was offered that proves nothing; PEER_UNAVAILABLE if
                that can not be told at present.
        """
        ...


class PersonTokens(Protocol):
    """Proves people by their tokens."""

    def person(self, token: str) -> Person:
        """The person a token proves.

        Raises:
            Refusal: TOKEN_REFUSED, or PEER_UNAVAILABLE if that can not be told at present.
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
        workloads: The workload that each path of a SPIFFE id stands for, such as `/ns/chat/sa/messaging` for
            `platform`. A path that is not in it stands for nobody; with none given, `/<workload>` alone does.
    """

    def __init__(self, tokens: PersonTokens, *, trust_domain: str, workloads: Mapping[str, str] | None = None) -> None:
        self._tokens = tokens
        self._trust_domain = trust_domain
        self._workloads = workloads

    def authenticate(self, authorization: str, proof: Proof) -> Caller:
        """See `Authenticator`."""
        workload = self._workload(list(proof().get("peer_spiffe_id", ())))
        return Caller(workload, self._tokens.person(_bearer(authorization)) if authorization else None)

    def _workload(self, spiffe_ids: list[bytes]) -> str:
        if not spiffe_ids:
            return ""
        domain = f"spiffe://{self._trust_domain}"
        spiffe_id = spiffe_ids[0].decode(errors="replace")
        workload = self._named(spiffe_id.removeprefix(domain)) if spiffe_id.startswith(domain) else ""
        if len(spiffe_ids) != 1 or not workload:
            raise Refusal(
                ErrorReason.ERROR_REASON_UNAUTHENTICATED,
                "the certificate names no workload of this trust domain",
                satisfy=f"a certificate with one URI name in spiffe://{self._trust_domain} that stands for a workload",
                scheme="spiffe",
            )
        return workload

    def _named(self, path: str) -> str:
        if self._workloads:
            return self._workloads.get(path, "")
        named = _WORKLOAD.fullmatch(path)
        return named[1] if named else ""


def _bearer(authorization: str) -> str:
    if not authorization.startswith(_BEARER):
        raise Refusal(
            ErrorReason.ERROR_REASON_TOKEN_REFUSED,
            "the authorization header is not a bearer token",
            satisfy="authorization: Bearer <token>",
            cause="scheme",
        )
    return authorization.removeprefix(_BEARER)
