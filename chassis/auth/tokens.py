"""Tokens of the development issuer: JSON Web Tokens (RFC 7519) signed with Ed25519, for people and workloads.

The issuer is a key file under the data folder. A person's token names the workload that it was issued
for in `azp` (OpenID Connect's authorized party): on loopback that also proves the workload; over mTLS only the
certificate does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.auth.caller import Caller, Person
from chassis.clock import Clock
from chassis.keys import load_or_create_ed25519
from chassis.refusal import ErrorReason, Refusal

DEV_ISSUER = "ombud-dev"
AUDIENCE = "ombud"
_ALGORITHM = "EdDSA"
_LEEWAY = timedelta(seconds=30)
_CACHED = 10_000


class DevIssuer:
    """Issues tokens for development, with the key of one data folder."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._key: Ed25519PrivateKey = load_or_create_ed25519(data_dir / "keys" / "issuer.key")
        self._clock = clock

    @property
    def public_key(self) -> Ed25519PublicKey:
        """What verifies its tokens."""
        return self._key.public_key()

    def workload(self, name: str, *, valid: timedelta = timedelta(hours=12)) -> str:
        """A token that proves a workload on loopback."""
        return self._sign({"sub": name, "kind": "workload"}, valid)

    def workload_source(self, name: str) -> Callable[[], str]:
        """Gives a workload's token for each call, and makes a new one when half of its life is over."""
        valid = timedelta(hours=12)
        token, renew = "", self._clock.now()

        def source() -> str:
            nonlocal token, renew
            if self._clock.now() >= renew:
                token, renew = self.workload(name, valid=valid), self._clock.now() + valid / 2
            return token

        return source

    def person(
        self,
        staff_id: str,
        roles: frozenset[str],
        *,
        workload: str = "desk",
        account_id: str = "",
        valid: timedelta = timedelta(hours=12),
    ) -> str:
        """A token for a person who works behind a workload."""
        claims = {"sub": staff_id, "kind": "person", "azp": workload, "roles": sorted(roles)}
        return self._sign(claims | ({"account": account_id} if account_id else {}), valid)

    def _sign(self, claims: dict[str, Any], valid: timedelta) -> str:
        now = self._clock.now()
        return jwt.encode(
            claims | {"iss": DEV_ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + valid},
            self._key,
            algorithm=_ALGORITHM,
        )


@dataclass(frozen=True)
class _Verified:
    """What a token proves, and between which instants, leeway for clocks included."""

    caller: Caller
    since: datetime
    until: datetime


class TokenVerifier:
    """Checks tokens of the issuers it was given, and remembers what it has checked."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey], clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._verified: dict[str, _Verified] = {}

    def workload_or_person(self, token: str) -> Caller:
        """Who a token proves where no certificate is: the workload, and the person if it is a person's token.

        Raises:
            Refusal: TOKEN_REFUSED.
        """
        return self._check(token).caller

    def person(self, token: str) -> Person:
        """The person a token proves.

        Raises:
            Refusal: TOKEN_REFUSED, also for a workload's token.
        """
        person = self._check(token).caller.person
        if person is None:
            raise refused("kind")
        return person

    def _check(self, token: str) -> _Verified:
        verified = self._verified.get(token)
        if verified is None:
            verified = self._verify(token)
            if len(self._verified) >= _CACHED:
                self._verified.clear()
            self._verified[token] = verified
        now = self._clock.now()
        if now > verified.until:
            self._verified.pop(token, None)
            raise refused("expired")
        if now < verified.since:
            raise refused("not yet valid")
        return verified

    def _verify(self, token: str) -> _Verified:
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            claims = jwt.decode(
                token,
                self._keys[issuer],
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=issuer,
                # Times are checked against the injected clock, on every use.
                options={
                    "require": ["sub", "exp", "nbf", "aud", "iss"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            since, until = (datetime.fromtimestamp(int(claims[name]), UTC) for name in ("nbf", "exp"))
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise refused("malformed, badly signed, or of another issuer or audience") from error
        return _Verified(_caller(claims), since - _LEEWAY, until + _LEEWAY)


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject = str(claims["sub"])
    match claims.get("kind"):
        case "workload":
            return Caller(workload=subject)
        case "person":
            roles = claims.get("roles")
            if not isinstance(roles, list):
                raise refused("no roles")
            person = Person(subject, frozenset(map(str, roles)), str(claims.get("account", "")))
            return Caller(workload=str(claims.get("azp", "")), person=person)
        case _:
            raise refused("kind")


def refused(cause: str) -> Refusal:
    """The refusal of a token.

    Args:
        cause: Why; it reaches the caller, so nothing of the token is in it.
    """
    return Refusal(
        ErrorReason.ERROR_REASON_TOKEN_REFUSED,
        f"the token is refused: {cause}",
        satisfy="a valid token of an issuer that this server trusts",
        cause=cause,
    )
