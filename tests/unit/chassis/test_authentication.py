import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chassis.auth.access import AccessRule
from chassis.auth.authenticator import LoopbackAuthenticator, MutualTlsAuthenticator
from chassis.auth.caller import ANONYMOUS, Caller, Person
from chassis.auth.tokens import AUDIENCE, DEV_ISSUER, DevIssuer, TokenVerifier
from chassis.ids import new_id
from chassis.keys import load_or_create_ed25519
from chassis.refusal import ErrorReason, Refusal
from ombud.identity.v1.account_service_pb2 import GetAccountRequest
from ombud.identity.v1.accreditation_service_pb2 import CheckMarkRequest, GrantAccreditationRequest
from tests.support.clock import ManualClock
from tests.support.refusals import refusal_of
from tests.support.stage import CHECK_MARK, GET, GRANT, Stage


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer(tmp_path: Path, clock: ManualClock) -> DevIssuer:
    return DevIssuer(tmp_path, clock)


@pytest.fixture
def key(tmp_path: Path, issuer: DevIssuer) -> Ed25519PrivateKey:
    assert issuer.public_key
    return load_or_create_ed25519(tmp_path / "keys" / "issuer.key")


@pytest.fixture
def verifier(issuer: DevIssuer, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier({DEV_ISSUER: issuer.public_key}, clock)


def claims(clock: ManualClock, **changed: Any) -> dict[str, Any]:
    now = clock.now()
    usual = {"sub": "platform", "kind": "workload", "iss": DEV_ISSUER, "aud": AUDIENCE}
    times = {"nbf": int(now.timestamp()), "exp": int((now + timedelta(hours=1)).timestamp())}
    return {name: value for name, value in (usual | times | changed).items() if value is not None}


def is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Refusal) as refused:
        verifier.workload_or_person(token)
    assert refused.value.reason == ErrorReason.ERROR_REASON_TOKEN_REFUSED
    assert token not in f"{refused.value.message}{refused.value.facts}{refused.value.satisfy}" or not token


def test_workloads_token_proves_the_workload_alone(issuer: DevIssuer, verifier: TokenVerifier) -> None:
    assert verifier.workload_or_person(issuer.workload("platform")) == Caller("platform")


def test_persons_token_proves_person_roles_and_workload(issuer: DevIssuer, verifier: TokenVerifier) -> None:
    token = issuer.person("mod-1", frozenset({"moderator", "approver"}), account_id="a")
    person = Person("mod-1", frozenset({"moderator", "approver"}), "a")
    assert verifier.workload_or_person(token) == Caller("desk", person)
    assert verifier.person(token) == person


def test_token_counts_from_its_start_to_its_end_with_leeway(
    issuer: DevIssuer, verifier: TokenVerifier, clock: ManualClock
) -> None:
    token = issuer.workload("platform", valid=timedelta(hours=1))
    clock.advance(timedelta(seconds=-30))
    verifier.workload_or_person(token)
    clock.advance(timedelta(seconds=-1))
    is_refused(verifier, token)
    clock.advance(timedelta(hours=1, seconds=61))
    verifier.workload_or_person(token)
    clock.advance(timedelta(seconds=1))
    is_refused(verifier, token)


@pytest.mark.parametrize("missing", ["sub", "iss", "aud", "nbf", "exp", "kind"])
def test_token_without_a_needed_claim_is_refused(
    key: Ed25519PrivateKey, verifier: TokenVerifier, clock: ManualClock, missing: str
) -> None:
    is_refused(verifier, jwt.encode(claims(clock, **{missing: None}), key, algorithm="EdDSA"))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"kind": "operator"},
        {"kind": "person"},
        {"kind": "person", "roles": "moderator"},
        {"exp": "soon"},
        {"exp": 10**30},
        {"nbf": None},
        {"exp": 0},
    ],
)
def test_token_with_a_wrong_claim_is_refused(
    key: Ed25519PrivateKey, verifier: TokenVerifier, clock: ManualClock, changed: dict[str, Any]
) -> None:
    is_refused(verifier, jwt.encode(claims(clock, **changed), key, algorithm="EdDSA"))


def test_token_of_a_foreign_key_is_refused(verifier: TokenVerifier, clock: ManualClock) -> None:
    is_refused(verifier, jwt.encode(claims(clock), Ed25519PrivateKey.generate(), algorithm="EdDSA"))


def test_token_that_chooses_its_own_algorithm_is_refused(
    key: Ed25519PrivateKey, verifier: TokenVerifier, clock: ManualClock
) -> None:
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    is_refused(verifier, jwt.encode(claims(clock), "", algorithm="none"))
    is_refused(verifier, jwt.encode(claims(clock), public, algorithm="HS256"))
    pem = base64.b64encode(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    is_refused(verifier, jwt.encode(claims(clock), pem, algorithm="HS256"))
    is_refused(verifier, jwt.encode(claims(clock), ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"))
    stranger = Ed25519PrivateKey.generate()
    own_key = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(stranger.public_key()))
    is_refused(verifier, jwt.encode(claims(clock), stranger, algorithm="EdDSA", headers={"jwk": own_key}))


def test_altered_and_malformed_tokens_are_refused(issuer: DevIssuer, verifier: TokenVerifier) -> None:
    token = issuer.workload("platform")
    head, body, signature = token.split(".")
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(body + "==").replace(b"platform", b"operator"))
    for wrong in (
        "",
        ".",
        "..",
        "x",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.{signature}",
        f"{head}.{forged.decode().rstrip('=')}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        "\N{SNOWMAN}",
        "a" * 100_000,
    ):
        is_refused(verifier, wrong)


def test_token_with_an_extension_that_must_be_understood_is_refused(
    key: Ed25519PrivateKey, verifier: TokenVerifier, clock: ManualClock
) -> None:
    headers = {"crit": ["b64"], "b64": True}
    is_refused(verifier, jwt.encode(claims(clock), key, algorithm="EdDSA", headers=headers))


def test_refused_token_stays_refused_and_a_good_one_is_not_mistaken_for_it(
    issuer: DevIssuer, verifier: TokenVerifier
) -> None:
    token = issuer.workload("platform")
    for _ in range(2):
        is_refused(verifier, token + "A")
        verifier.workload_or_person(token)


def test_over_tls_a_certificate_proves_the_workload_and_a_token_only_the_person(
    issuer: DevIssuer, verifier: TokenVerifier
) -> None:
    authenticator = MutualTlsAuthenticator(verifier, trust_domain="ombud.local")
    credit = {"peer_spiffe_id": [b"spiffe://ombud.local/credit"]}
    person = f"Bearer {issuer.person('mod-1', frozenset({'moderator'}), workload='platform')}"
    assert authenticator.authenticate("", lambda: credit) == Caller("credit")
    assert authenticator.authenticate(person, lambda: credit).workload == "credit"
    assert authenticator.authenticate("", dict) == ANONYMOUS
    assert authenticator.authenticate(person, dict).anonymous, "a person without a workload is nobody"
    with pytest.raises(Refusal):
        authenticator.authenticate(f"Bearer {issuer.workload('platform')}", lambda: credit)


@pytest.mark.parametrize(
    "names",
    [
        [b"spiffe://another.local/credit"],
        [b"spiffe://ombud.local.another/credit"],
        [b"spiffe://ombud.local@another/credit"],
        [b"https://ombud.local/credit"],
        [b"spiffe://ombud.local/credit", b"spiffe://ombud.local/groups"],
        [b"\xff\xfe"],
        [b"spiffe://ombud.local/"],
        [b"spiffe://ombud.local"],
        [b"spiffe://ombud.local/ns/other/sa/credit"],
        [b"spiffe://ombud.local//credit"],
        [b"spiffe://ombud.local/credit/"],
        [b"spiffe://ombud.local/credit?as=platform"],
        [b"spiffe://ombud.local/credit#platform"],
        [b"SPIFFE://ombud.local/credit"],
    ],
)
def test_certificate_that_names_no_workload_of_ours_is_refused(verifier: TokenVerifier, names: list[bytes]) -> None:
    authenticator = MutualTlsAuthenticator(verifier, trust_domain="ombud.local")
    with pytest.raises(Refusal) as refused:
        authenticator.authenticate("", lambda: {"peer_spiffe_id": names})
    assert refused.value.reason == ErrorReason.ERROR_REASON_UNAUTHENTICATED


def test_path_of_an_id_stands_for_the_workload_that_the_settings_name_and_for_no_other(verifier: TokenVerifier) -> None:
    paths = {"/ns/chat/sa/messaging": "platform", "/ns/ombud/sa/ombud-credit": "credit"}
    authenticator = MutualTlsAuthenticator(verifier, trust_domain="ombud.local", workloads=paths)

    def caller(path: str) -> Caller:
        return authenticator.authenticate("", lambda: {"peer_spiffe_id": [f"spiffe://ombud.local{path}".encode()]})

    assert {path: caller(path) for path in paths} == {path: Caller(workload) for path, workload in paths.items()}
    for path in ("/credit", "/platform", "/ns/chat/sa/credit", "/ns/chat/sa/messaging/", "/ns/chat/sa/messaging2", "/"):
        with pytest.raises(Refusal):
            caller(path)


@pytest.mark.parametrize("header", ["Basic cGxhdGZvcm0=", "platform", "bearer x", "Bearer", "x-workload: platform"])
def test_header_that_is_no_bearer_token_is_refused(verifier: TokenVerifier, header: str) -> None:
    with pytest.raises(Refusal) as refused:
        LoopbackAuthenticator(verifier).authenticate(header, dict)
    assert refused.value.reason == ErrorReason.ERROR_REASON_TOKEN_REFUSED


def test_on_loopback_nothing_of_the_connection_proves_anybody(verifier: TokenVerifier) -> None:
    proof = {"peer_spiffe_id": [b"spiffe://ombud.local/platform"], "x509_common_name": [b"platform"]}
    assert LoopbackAuthenticator(verifier).authenticate("", lambda: proof) == ANONYMOUS


async def test_bare_header_is_no_proof(stage: Stage) -> None:
    request = GetAccountRequest(account_id=new_id())
    for headers in (
        [],
        [("x-workload", "platform")],
        [("workload", "platform"), ("x-forwarded-client-cert", "URI=spiffe://ombud.local/platform")],
    ):
        refused = await refusal_of(stage.call(GET, request, *headers))
        assert refused.reason == "UNAUTHENTICATED"
    refused = await refusal_of(stage.call(GET, request, ("authorization", "platform")))
    assert refused.reason == "TOKEN_REFUSED"


async def test_nobody_reaches_only_what_is_public(stage: Stage) -> None:
    await stage.call(CHECK_MARK, CheckMarkRequest(account_id=new_id()))
    assert (await refusal_of(stage.call(GET, GetAccountRequest(account_id=new_id())))).reason == "UNAUTHENTICATED"


async def test_bad_token_is_refused_even_where_none_is_needed(stage: Stage) -> None:
    request = CheckMarkRequest(account_id=new_id())
    refused = await refusal_of(stage.call(CHECK_MARK, request, ("authorization", "Bearer x")))
    assert refused.reason == "TOKEN_REFUSED"


async def test_two_authorization_headers_prove_no_more_than_one(stage: Stage) -> None:
    request = GetAccountRequest(account_id=new_id())
    good, bad = stage.authorized("platform"), ("authorization", "Bearer x")
    assert (await refusal_of(stage.call(GET, request, good, bad))).reason == "TOKEN_REFUSED"


async def test_workload_without_the_person_does_not_act_for_a_role(stage: Stage) -> None:
    request = GrantAccreditationRequest(request_id=new_id(), accreditation_id=new_id())
    refused = await refusal_of(stage.call(GRANT, request, stage.authorized("desk")))
    assert refused.reason == "ROLE_REQUIRED"
    assert "registrar" in refused.facts["roles"]


@pytest.mark.parametrize(
    ("caller", "reason"),
    [
        (ANONYMOUS, ErrorReason.ERROR_REASON_UNAUTHENTICATED),
        (Caller("platform"), ErrorReason.ERROR_REASON_WORKLOAD_NOT_ALLOWED),
        (Caller("", Person("m", frozenset({"moderator"}))), ErrorReason.ERROR_REASON_UNAUTHENTICATED),
        (Caller("desk"), ErrorReason.ERROR_REASON_ROLE_REQUIRED),
        (Caller("desk", Person("m", frozenset())), ErrorReason.ERROR_REASON_ROLE_REQUIRED),
        (Caller("desk", Person("m", frozenset({"auditor"}))), ErrorReason.ERROR_REASON_ROLE_REQUIRED),
        (Caller("desk", Person("m", frozenset({"auditor", "moderator"}))), None),
    ],
)
def test_rule_names_what_is_missing(caller: Caller, reason: ErrorReason.ValueType | None) -> None:
    rule = AccessRule(workloads=frozenset({"desk"}), roles=frozenset({"moderator"}))
    if reason is None:
        rule.check(caller)
        return
    with pytest.raises(Refusal) as refused:
        rule.check(caller)
    assert refused.value.reason == reason


def test_rpc_without_a_rule_is_for_nobody() -> None:
    for caller in (ANONYMOUS, Caller("platform"), Caller("desk", Person("m", frozenset({"moderator"})))):
        with pytest.raises(Refusal):
            AccessRule().check(caller)


def test_token_of_a_running_process_is_renewed_before_it_ends(issuer: DevIssuer, clock: ManualClock) -> None:
    source = issuer.workload_source("groups")
    first = source()
    clock.advance(timedelta(hours=5, minutes=59))
    assert source() == first
    clock.advance(timedelta(minutes=1))
    assert source() != first
