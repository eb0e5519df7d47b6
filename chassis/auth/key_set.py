"""An issuer's public keys (JSON Web Key Set, RFC 7517), held in memory and fetched beside the calls, never in one."""

import asyncio
import contextlib
import http.client
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from chassis.clock import Clock
from chassis.config import ConfigError, is_url
from chassis.leading import cancel
from chassis.refusal import ErrorReason, Refusal
from chassis.web import direct_opener

# Seconds.
_EVERY = 300.0
_FLOOR = 10.0
_TIMEOUT = 5.0
_MAX_AGE = timedelta(hours=1)
_MOST_BYTES = 1 << 20
_LEAST_RSA_BITS = 2048
# What is signed with a public key's counterpart alone: no `none`, no shared secret.
_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})

_log = logging.getLogger("ombud.people")


class KeySet:
    """The keys of one issuer.

    They are fetched every five minutes, and when a token names a key that is not among them, but ten seconds after the
    last attempt at the earliest. A key counts for as long as the issuer lists it; when nothing could be fetched for an
    hour, none does.

    Args:
        source: A file, or a URL.
        clock: Tells how old the keys are.
    """

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] = MappingProxyType({})
        self._fetched: datetime | None = None
        self._wanted = asyncio.Event()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Fetches the keys, then keeps them fresh until the block ends. An issuer that is away keeps nobody waiting.

        Raises:
            ConfigError: They are in a file, and it can not be used.
        """
        await self._fetch()
        if self._fetched is None and not is_url(self._source):
            raise ConfigError(f"server.people.keys: {Path(self._source).name}: no JSON Web Key Set can be read there")
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            await cancel([keeping])

    def find(self, key_id: str) -> jwt.PyJWK:
        """The key of that id.

        Raises:
            KeyError: The issuer has no such key.
            Refusal: PEER_UNAVAILABLE: that can not be told at present; the keys are being fetched.
        """
        age = None if self._fetched is None else self._clock.now() - self._fetched
        key = self._keys.get(key_id)
        if key is not None and age is not None and age < _MAX_AGE:
            return key
        if age is not None and age < timedelta(seconds=_FLOOR):
            raise KeyError(key_id)
        self._wanted.set()
        raise Refusal(
            ErrorReason.ERROR_REASON_PEER_UNAVAILABLE,
            "the keys of the tokens' issuer are not at hand",
            satisfy="the same call a little later",
            service="issuer",
        )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_FLOOR)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY - _FLOOR):
                    await self._wanted.wait()
            await self._fetch()

    async def _fetch(self) -> None:
        self._wanted.clear()
        began = self._clock.now()
        try:
            self._keys = await asyncio.to_thread(_fetched, self._source)
        except (OSError, http.client.HTTPException, ValueError, jwt.PyJWTError) as error:
            # The last good ones stay, until they are too old.
            self._wanted.set()
            _log.warning("the keys of people's tokens can not be had: %s", type(error).__name__)
        else:
            self._fetched = began


def _fetched(source: str) -> Mapping[str, jwt.PyJWK]:
    """The keys that can be used, by their ids."""
    document = jwt.PyJWKSet.from_json(_read(source).decode())
    return {key.key_id: key for key in document if key.key_id and _usable(key)}


def _read(source: str) -> bytes:
    if not is_url(source):
        return Path(source).read_bytes()
    opener = direct_opener()
    opener.addheaders = [("User-Agent", "ombud"), ("Accept", "application/json")]
    with opener.open(source, timeout=_TIMEOUT) as answer:
        content: bytes = answer.read(_MOST_BYTES)
    return content


def _usable(key: jwt.PyJWK) -> bool:
    long_enough = not isinstance(key.key, RSAPublicKey) or key.key.key_size >= _LEAST_RSA_BITS
    return key.algorithm_name in _ALGORITHMS and key.public_key_use in (None, "sig") and long_enough
