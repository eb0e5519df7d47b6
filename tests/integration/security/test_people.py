"""People's tokens of an issuer on loopback: whom they prove, how its keys change, and what happens while it is away."""

import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from chassis.auth import key_set
from chassis.auth.authenticator import Authenticator
from chassis.auth.caller import Caller, Person
from chassis.config import ConfigError, PeopleConfig, ServerConfig, TlsFiles
from chassis.process import authenticating
from chassis.refusal import ErrorReason, Refusal
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

ISSUER, AUDIENCE = "https://login.example.org/realms/staff", "ombud"
TLS = TlsFiles(root=Path("root.pem"), certificate=Path("desk.pem"), key=Path("desk.key"))
ANNA = Person("staff-1", frozenset({"moderator"}), "account-1")


class Issuer:
    """Serves its keys as a provider of OpenID Connect does, and issues tokens."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.keys = {"first": ec.generate_private_key(ec.SECP256R1())}
        self.extra: list[dict[str, Any]] = []
        self.fetches = 0
        self.answer = 200
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                self.send_response(issuer.answer)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(json.dumps(issuer.document()).encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/keys"

    def document(self) -> dict[str, Any]:
        own = [
            json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig"}
            for name, key in self.keys.items()
        ]
        return {"keys": [*own, *self.extra]}

    def token(self, *, kid: str = "first", typ: str = "at+jwt", **changed: Any) -> str:
        key = self.keys[kid]
        return jwt.encode(self.claims(**changed), key, algorithm="ES256", headers={"kid": kid, "typ": typ})

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = self._clock.now()
        usual: dict[str, Any] = {
            "iss": ISSUER,
            "aud": ["another", AUDIENCE],
            "sub": "staff-1",
            "iat": now,
            "exp": now + timedelta(hours=48),
            "realm_access": {"roles": ["Moderators", "Somebody"]},
            "account": "account-1",
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer(clock: ManualClock) -> Iterator[Issuer]:
    made = Issuer(clock)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def settings(keys: str, **changed: Any) -> ServerConfig:
    roles = {"Moderators": "moderator", "Approvers": "approver"}
    usual: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "roles_claim": "realm_access.roles"}
    return ServerConfig(tls=TLS, people=PeopleConfig(**usual | {"keys": keys, "roles": roles} | changed))


@pytest_asyncio.fixture
async def authenticator(
    issuer: Issuer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Authenticator]:
    monkeypatch.setattr(key_set, "_FLOOR", 0.01)
    async with authenticating(settings(issuer.url), clock) as made:
        yield made


def caller(authenticator: Authenticator, token: str) -> Caller:
    return authenticator.authenticate(f"Bearer {token}", lambda: {"peer_spiffe_id": [b"spiffe://ombud.local/desk"]})


def reason(authenticator: Authenticator, token: str) -> str:
    with pytest.raises(Refusal) as refused:
        caller(authenticator, token)
    assert token not in f"{refused.value.message}{refused.value.facts}{refused.value.satisfy}"
    return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


async def test_token_proves_a_person_with_the_roles_that_the_settings_name(
    issuer: Issuer, authenticator: Authenticator
) -> None:
    assert caller(authenticator, issuer.token()) == Caller("desk", ANNA)
    nobody_known = issuer.token(realm_access=None, account=None)
    assert caller(authenticator, nobody_known).person == Person("staff-1", frozenset())


@pytest.mark.parametrize("missing", ["iss", "aud", "exp", "iat", "sub"])
async def test_token_without_a_needed_claim_is_refused(
    issuer: Issuer, authenticator: Authenticator, missing: str
) -> None:
    assert reason(authenticator, issuer.token(**dict[str, Any]({missing: None}))) == "TOKEN_REFUSED"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://login.example.org/realms/players"},
        {"aud": "another"},
        {"typ": "logout+jwt"},
        {"exp": 10**30},
        {"sub": ""},
        {"sub": "s" * 129},
        {"account": "a" * 37},
        {"account": 7},
        {"realm_access": {"roles": "Moderators"}},
    ],
)
async def test_token_with_a_wrong_claim_is_refused(
    issuer: Issuer, authenticator: Authenticator, changed: dict[str, Any]
) -> None:
    assert reason(authenticator, issuer.token(**changed)) == "TOKEN_REFUSED"


async def test_token_counts_from_its_start_to_its_end_with_leeway(
    issuer: Issuer, authenticator: Authenticator, clock: ManualClock
) -> None:
    start = clock.now() + timedelta(minutes=1)
    token = issuer.token(nbf=start, exp=start + timedelta(minutes=5))
    assert reason(authenticator, token) == "TOKEN_REFUSED"
    clock.advance(timedelta(seconds=30))
    assert caller(authenticator, token).person == ANNA
    clock.advance(timedelta(minutes=6))
    assert caller(authenticator, token).person == ANNA
    clock.advance(timedelta(seconds=1))
    assert reason(authenticator, token) == "TOKEN_REFUSED"


async def test_token_that_chooses_its_own_algorithm_or_key_is_refused(
    issuer: Issuer, authenticator: Authenticator, clock: ManualClock
) -> None:
    public = issuer.keys["first"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    headers = {"kid": "first"}
    stranger = ec.generate_private_key(ec.SECP256R1())
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - that is what must not count
    secret = "k" * 64
    issuer.extra = [
        {"kty": "oct", "kid": "secret", "k": jwt.utils.base64url_encode(secret.encode()).decode()},
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(weak.public_key())) | {"kid": "weak"},
        json.loads(jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_key())) | {"kid": "sealing", "use": "enc"},
    ]
    issuer.keys["second"] = ec.generate_private_key(ec.SECP256R1())
    await until_known(issuer, authenticator, clock, "second")
    for token in (
        jwt.encode(issuer.claims(), "", algorithm="none", headers=headers),
        with_the_public_key_as_a_secret(issuer, public),
        jwt.encode(issuer.claims(), stranger, algorithm="ES256", headers=headers),
        jwt.encode(issuer.claims(), ec.generate_private_key(ec.SECP384R1()), algorithm="ES384", headers=headers),
        jwt.encode(issuer.claims(), secret, algorithm="HS256", headers={"kid": "secret"}),
        jwt.encode(issuer.claims(), stranger, algorithm="ES256", headers={"kid": "sealing"}),
        jwt.encode(issuer.claims(), issuer.keys["first"], algorithm="ES256"),
        "",
        "a.b.c",
    ):
        with pytest.raises(Refusal) as refused:
            caller(authenticator, token)
        assert refused.value.reason == ErrorReason.ERROR_REASON_TOKEN_REFUSED
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        by_weak = jwt.encode(issuer.claims(), weak, algorithm="RS256", headers={"kid": "weak"})
    assert reason(authenticator, by_weak) == "TOKEN_REFUSED"


def with_the_public_key_as_a_secret(issuer: Issuer, public: bytes) -> str:
    """What an issuer never signed; made by hand, for the library refuses to."""
    body = issuer.token().split(".")[1]
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"first"}').decode()
    digest = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{jwt.utils.base64url_encode(digest).decode()}"


async def until_known(issuer: Issuer, authenticator: Authenticator, clock: ManualClock, kid: str) -> None:
    """Calls with a token of a new key until it counts."""
    clock.advance(timedelta(seconds=1))
    token = issuer.token(kid=kid)
    assert reason(authenticator, token) == "PEER_UNAVAILABLE"

    async def known() -> bool:
        try:
            return caller(authenticator, token).person == ANNA
        except Refusal:
            return False

    await eventually(known)


async def test_new_key_counts_once_it_is_fetched_and_an_old_one_while_it_is_listed(
    issuer: Issuer, authenticator: Authenticator, clock: ManualClock
) -> None:
    old = issuer.token()
    issuer.keys["second"] = ec.generate_private_key(ec.SECP256R1())
    await until_known(issuer, authenticator, clock, "second")
    assert caller(authenticator, old).person == ANNA
    del issuer.keys["first"]
    issuer.keys["third"] = ec.generate_private_key(ec.SECP256R1())
    await until_known(issuer, authenticator, clock, "third")
    assert reason(authenticator, old) == "TOKEN_REFUSED"


async def test_storm_of_unknown_keys_does_not_reach_the_issuer(issuer: Issuer, clock: ManualClock) -> None:
    async with authenticating(settings(issuer.url), clock) as authenticator:
        clock.advance(timedelta(seconds=11))
        strange = {"kid": "strange", "typ": "JWT"}
        token = jwt.encode(issuer.claims(), issuer.keys["first"], algorithm="ES256", headers=strange)
        for _ in range(1_000):
            assert reason(authenticator, token) == "PEER_UNAVAILABLE"
        assert caller(authenticator, issuer.token()).person == ANNA
    assert issuer.fetches == 1


@pytest.mark.parametrize("answer", [500, 302])
async def test_keys_count_for_an_hour_while_the_issuer_is_away_and_again_when_it_is_back(
    issuer: Issuer, authenticator: Authenticator, clock: ManualClock, answer: int
) -> None:
    token = issuer.token()
    issuer.answer = answer
    clock.advance(timedelta(minutes=59))
    assert caller(authenticator, token).person == ANNA
    clock.advance(timedelta(minutes=1))
    assert reason(authenticator, token) == "PEER_UNAVAILABLE"
    tried = issuer.fetches

    async def tried_again() -> bool:
        return issuer.fetches > tried + 1

    await eventually(tried_again)
    assert reason(authenticator, token) == "PEER_UNAVAILABLE"
    issuer.answer = 200

    async def back() -> bool:
        try:
            return caller(authenticator, token).person == ANNA
        except Refusal:
            return False

    await eventually(back)


async def test_workloads_are_served_though_the_issuer_was_never_there(issuer: Issuer, clock: ManualClock) -> None:
    async with authenticating(settings("http://127.0.0.1:1/keys"), clock) as authenticator:
        own = {"peer_spiffe_id": [b"spiffe://ombud.local/desk"]}
        assert authenticator.authenticate("", lambda: own) == Caller("desk")
        assert reason(authenticator, issuer.token()) == "PEER_UNAVAILABLE"


async def test_keys_may_come_from_a_file(issuer: Issuer, clock: ManualClock, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    with pytest.raises(ConfigError, match=r"^server\.people\.keys: keys\.json: "):
        async with authenticating(settings(str(file)), clock):
            pass
    file.write_text(json.dumps(issuer.document()))
    async with authenticating(settings(str(file)), clock) as authenticator:
        assert caller(authenticator, issuer.token()).person == ANNA


async def test_issuer_of_people_goes_with_certificates_and_without_keys_for_development(clock: ManualClock) -> None:
    people = settings("keys.json").people
    for server in (
        ServerConfig(people=people),
        ServerConfig(people=people, tls=TLS, token_keys={"ombud-dev": Path("issuer.pem")}),
    ):
        with pytest.raises(ConfigError, match=r"^server\.people: "):
            async with authenticating(server, clock):
                pass


@pytest.mark.parametrize(
    "keys",
    ["http://login.example.org/keys", "ftp://127.0.0.1/keys", "file:///keys.json", "http://127.0.0.1:80@example.org/k"],
)
def test_keys_are_fetched_safely_or_not_at_all(keys: str) -> None:
    with pytest.raises(ValidationError, match="a URL here has https, or http on loopback"):
        settings(keys)
