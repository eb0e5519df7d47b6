"""Members of staff, proved by the tokens (OpenID Connect, RFC 9068) of the issuer that the settings name."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from chassis.auth.caller import Person
from chassis.auth.key_set import KeySet
from chassis.auth.tokens import refused
from chassis.clock import Clock
from chassis.config import PeopleConfig

_LEEWAY = timedelta(seconds=30)
# An issuer signs more than access tokens, such as notices of logout. Some leave out what a token is.
_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
# Every column that keeps who did something holds as much of a person's id, and of an account's.
_LONGEST_STAFF_ID, _LONGEST_ACCOUNT_ID = 128, 36


class People:
    """Checks tokens of one issuer, and reads from them who a person is.

    Args:
        config: The issuer, and where its tokens hold what.
        keys: The issuer's keys.
        clock: The time by which tokens begin and end.
    """

    def __init__(self, config: PeopleConfig, keys: KeySet, clock: Clock) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock

    def person(self, token: str) -> Person:
        """The person a token proves.

        Raises:
            Refusal: TOKEN_REFUSED; PEER_UNAVAILABLE if the issuer's keys are not at hand.
        """
        claims = self._verified(token)
        return Person(
            _text(claims, self._config.staff_claim, _LONGEST_STAFF_ID),
            self._roles(claims),
            _text(claims, self._config.account_claim, _LONGEST_ACCOUNT_ID)
            if _at(claims, self._config.account_claim)
            else "",
        )

    def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ", "")).lower() not in _TYPES:
                raise refused("type")
            key = self._keys.find(str(header["kid"]))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._config.audience,
                issuer=self._config.issuer,
                # Times are checked against the injected clock.
                options={
                    "require": ["iss", "aud", "exp", "iat"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            since, until = (
                datetime.fromtimestamp(int(value), UTC) for value in (claims.get("nbf", claims["iat"]), claims["exp"])
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise refused("malformed, badly signed, or of another issuer or audience") from error
        now = self._clock.now()
        if now > until + _LEEWAY:
            raise refused("expired")
        if now < since - _LEEWAY:
            raise refused("not yet valid")
        return claims

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """Ours; a person of whom the issuer says nothing has none."""
        named = _at(claims, self._config.roles_claim)
        if named is None:
            return frozenset()
        if not isinstance(named, list):
            raise refused("roles")
        return frozenset(role for name, role in self._config.roles.items() if name in named)


def _at(claims: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - whatever the issuer put there
    """The claim of that name or, names having dots too, at that dotted path; None if there is none."""
    if path in claims:
        return claims[path]
    first, _, rest = path.partition(".")
    inner = claims.get(first)
    return _at(inner, rest) if rest and isinstance(inner, dict) else None


def _text(claims: Mapping[str, Any], path: str, longest: int) -> str:
    value = _at(claims, path)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise refused("person")
    return value
