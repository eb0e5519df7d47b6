import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from sqlalchemy.exc import OperationalError

from chassis.call import current_call, remaining
from chassis.db import Unit
from chassis.ids import new_id
from chassis.refusal import ErrorReason, Refusal
from chassis.server import pipeline
from chassis.server.status import code_of, reason_name
from ombud.client import OmbudError
from ombud.common.v1.audit_pb2 import AuditOutcome
from ombud.identity.v1.account_service_pb2 import (
    AccountKind,
    GetAccountRequest,
    GetAccountResponse,
    HolderKind,
    RegisterAccountRequest,
    RegisterAccountResponse,
    WatchAccountsRequest,
)
from ombud.identity.v1.accreditation_service_pb2 import GrantAccreditationRequest
from ombud.retention.v1.ingest_service_pb2 import AppendResponse
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.support.stage import APPEND, GET, GRANT, REGISTER, WATCH, Stage

SECRET = "Marie Curie 071167-1867"


def registration(**fields: Any) -> RegisterAccountRequest:
    usual: dict[str, Any] = {
        "request_id": new_id(),
        "kind": AccountKind.ACCOUNT_KIND_PERSONAL,
        "holder_kind": HolderKind.HOLDER_KIND_INDIVIDUAL,
        "nickname": "marie",
    }
    return RegisterAccountRequest(**usual | fields)


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def play() -> None:
        raise error

    return play


def codes(stage: Stage) -> list[Any]:
    return [(span.attributes or {}).get("rpc.response.status_code") for span in stage.spans()]


def everything_said(error: OmbudError) -> str:
    trailing = [value for _, value in error.trailing_metadata() or ()]
    return f"{error.details()}{error.facts}{error.satisfy}{error.violations}{trailing}"


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), RuntimeError(SECRET), NotImplementedError()])
@pytest.mark.parametrize("path", [REGISTER, GET])
async def test_unexpected_exception_tells_the_client_an_incident_and_nothing_else(
    stage: Stage, path: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stage.part.before = raising(error)
    request = registration() if path == REGISTER else GetAccountRequest(account_id=new_id())
    refused = await refusal_of(stage.call(path, request, stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.INTERNAL
    assert refused.reason == "INTERNAL"
    assert SECRET not in everything_said(refused)
    assert type(error).__name__ not in everything_said(refused)
    assert refused.facts["incident"] in caplog.text, "the operator finds the incident by the id that the client has"
    assert type(error).__name__ in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("path", [REGISTER, GET])
async def test_database_that_does_not_answer_is_told_as_that_and_in_no_other_words(
    stage: Stage, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage.part.before = raising(OperationalError(f"SELECT {SECRET}", {}, Exception(SECRET)))
    request = registration() if path == REGISTER else GetAccountRequest(account_id=new_id())
    refused = await refusal_of(stage.call(path, request, stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.reason == "DATABASE_UNAVAILABLE"
    assert refused.facts["incident"] in caplog.text
    assert SECRET not in everything_said(refused) + caplog.text


async def test_exception_inside_a_command_reaches_no_client_and_leaves_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(SECRET)

    request, header = registration(), stage.authorized("platform")
    with monkeypatch.context() as patched:
        patched.setattr(Unit, "change", fail)
        refused = await refusal_of(stage.call(REGISTER, request, header))
    assert refused.reason == "INTERNAL"
    assert SECRET not in everything_said(refused)
    assert not await stage.audited()
    await stage.call(REGISTER, request, header)
    assert [record.action for record in await stage.audited()] == ["counter.account.registered"]


async def test_stream_that_fails_midway_tells_an_incident_and_nothing_else(stage: Stage) -> None:
    stage.part.before = raising(ValueError(SECRET))
    call = stage.wire.unary_stream(WATCH)(
        WatchAccountsRequest().SerializeToString(), metadata=[stage.authorized("groups")]
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    refused = OmbudError.read(caught.value)
    assert refused.reason == "INTERNAL"
    assert SECRET not in everything_said(refused)


async def test_answer_that_is_no_message_tells_an_incident_and_nothing_else(stage: Stage) -> None:
    async def rubbish() -> str:
        return SECRET

    stage.part.before = rubbish
    refused = await refusal_of(stage.call(GET, GetAccountRequest(account_id=new_id()), stage.authorized("platform")))
    assert refused.reason == "INTERNAL"
    assert SECRET not in everything_said(refused)
    assert codes(stage) == ["INTERNAL"]


async def test_handler_that_aborts_past_the_contract_is_recorded_as_a_fault(stage: Stage) -> None:
    async def abort() -> None:
        assert stage.part.context is not None
        await stage.part.context.abort(grpc.StatusCode.NOT_FOUND)

    stage.part.before = abort
    await refusal_of(stage.call(GET, GetAccountRequest(account_id=new_id()), stage.authorized("platform")))

    async def recorded() -> bool:
        return codes(stage) == ["INTERNAL"]

    await eventually(recorded)  # the client has its answer before the server has its span


async def test_refusal_carries_reason_facts_and_what_would_satisfy(stage: Stage) -> None:
    stage.part.before = raising(Refusal.wrong_state("appeal", state="DECIDED", needs="UNDER_REVIEW"))
    refused = await refusal_of(stage.call(REGISTER, registration(), stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.reason == "WRONG_STATE"
    assert refused.facts["state"] == "DECIDED"
    assert refused.satisfy == "a appeal that is UNDER_REVIEW"


async def test_every_reason_arrives_with_the_code_that_the_contract_gives_it(stage: Stage) -> None:
    for value in ErrorReason.values():
        if value == ErrorReason.ERROR_REASON_UNSPECIFIED:
            continue
        refusal = Refusal(value, "no", satisfy="yes")
        stage.part.before = raising(refusal)
        refused = await refusal_of(
            stage.call(GET, GetAccountRequest(account_id=new_id()), stage.authorized("platform"))
        )
        assert refused.reason == reason_name(refusal)
        assert refused.code() is code_of(refusal)


@pytest.mark.parametrize("path", [REGISTER, GET])
async def test_bytes_that_are_no_message_are_refused_with_a_type(stage: Stage, path: str) -> None:
    refused = await refusal_of(stage.call(path, b"\xff\xff\xff", stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.reason == "INVALID_FIELD"
    assert refused.violations
    assert not stage.part.served


async def test_bytes_that_are_no_message_on_a_stream_are_handed_on_as_none_and_the_stream_goes_on(stage: Stage) -> None:
    frames = [b"", b"\xff\xff\xff", b""]
    call = stage.wire.stream_stream(APPEND)(iter(frames), metadata=[stage.authorized("platform")])
    answers = [AppendResponse.FromString(raw).frame_number async for raw in call]
    assert answers == [0, -1, 2]


async def test_bytes_that_are_no_message_tell_an_unproved_caller_nothing(stage: Stage) -> None:
    refused = await refusal_of(stage.call(REGISTER, b"\xff\xff\xff"))
    assert refused.reason == "UNAUTHENTICATED"


async def test_fields_that_break_their_rules_are_all_named_and_not_repeated(stage: Stage) -> None:
    nickname = SECRET * 9
    request = registration(request_id="no uuid", nickname=nickname)
    refused = await refusal_of(stage.call(REGISTER, request, stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert {violation.field for violation in refused.violations} == {"request_id", "nickname"}
    assert SECRET not in everything_said(refused)


@pytest.mark.parametrize("path", ["/ombud.identity.v1.AccountService/Nothing", "/ombud.nothing.v1.No/Thing"])
async def test_rpc_that_is_not_there_is_refused_with_a_type(stage: Stage, path: str) -> None:
    refused = await refusal_of(stage.call(path, b"", stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.UNIMPLEMENTED
    assert refused.reason == "UNKNOWN_METHOD"


async def test_call_without_a_deadline_gets_the_servers_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_DEFAULT_TIMEOUT", 0.05)
    stage.part.before = asyncio.Event().wait
    refused = await refusal_of(stage.call(REGISTER, registration(), stage.authorized("platform")))
    assert refused.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert refused.reason == "DEADLINE_TOO_SHORT"


async def test_callers_deadline_is_what_the_call_has_left_for_others(stage: Stage) -> None:
    left: list[float | None] = []

    async def look() -> None:
        left.append(remaining())

    stage.part.before = look
    request = GetAccountRequest(account_id=new_id())
    await stage.call(GET, request, stage.authorized("platform"), timeout=3.0)
    await stage.call(GET, request, stage.authorized("platform"))
    assert left[0] is not None
    assert 0 < left[0] <= 3.1
    assert left[1] is None


async def test_mutation_with_too_little_time_left_is_refused_before_it_begins(stage: Stage) -> None:
    await stage.call(GET, GetAccountRequest(account_id=new_id()), stage.authorized("platform"))
    header = stage.authorized("platform")

    async def refused_in_time() -> bool:
        await refusal_of(stage.call(REGISTER, registration(), header, timeout=0.015))
        reasons = [(span.attributes or {}).get("ombud.reason") for span in stage.spans()]
        return "DEADLINE_TOO_SHORT" in reasons

    await eventually(refused_in_time)
    assert "RegisterAccount" not in stage.part.served


async def test_caller_who_goes_away_ends_the_call_as_cancelled(stage: Stage) -> None:
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    stage.part.before = hang
    call = stage.wire.unary_unary(REGISTER)(registration().SerializeToString(), metadata=[stage.authorized("platform")])
    await began.wait()
    call.cancel()

    async def cancelled() -> bool:
        return codes(stage) == ["CANCELLED"]

    await eventually(cancelled)


async def test_reader_who_leaves_a_stream_ends_its_span(stage: Stage) -> None:
    call = stage.wire.unary_stream(WATCH)(
        WatchAccountsRequest().SerializeToString(), metadata=[stage.authorized("groups")]
    )
    await call.read()
    call.cancel()

    async def ended() -> bool:
        return codes(stage) == ["CANCELLED"]

    await eventually(ended)


async def test_denied_call_of_a_proved_caller_is_audited(stage: Stage) -> None:
    await refusal_of(stage.call(REGISTER, registration(), stage.authorized("groups")))
    token = stage.issuer.person("mod-1", frozenset({"moderator"}))
    request = GrantAccreditationRequest(request_id=new_id(), accreditation_id=new_id())
    await refusal_of(stage.call(GRANT, request, ("authorization", f"Bearer {token}")))
    workload, person = await stage.audited()
    assert workload.action == person.action == "counter.call.denied"
    assert workload.outcome == person.outcome == AuditOutcome.AUDIT_OUTCOME_DENIED
    assert (workload.workload, workload.method, workload.facts["reason"]) == (
        "groups",
        REGISTER,
        "WORKLOAD_NOT_ALLOWED",
    )
    assert (person.person, person.method, person.facts["reason"]) == ("mod-1", GRANT, "ROLE_REQUIRED")
    assert workload.trace_id
    assert workload.sequence == 1


async def test_denial_that_can_not_be_audited_is_still_a_typed_denial(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_item: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(stage.database, "submit", fail)
    with caplog.at_level(logging.ERROR):
        refused = await refusal_of(stage.call(REGISTER, registration(), stage.authorized("groups")))
    assert refused.reason == "WORKLOAD_NOT_ALLOWED"
    assert SECRET not in everything_said(refused)
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


async def test_call_is_known_to_what_serves_it(stage: Stage) -> None:
    seen = []

    async def look() -> None:
        seen.append(current_call())

    stage.part.before = look
    request = registration()
    await stage.call(REGISTER, request, stage.authorized("platform"))
    (call,) = seen
    assert (call.method, call.caller.workload, call.request_id) == (REGISTER, "platform", request.request_id)
    with pytest.raises(LookupError):
        current_call()


async def test_replay_gives_the_same_bytes_and_another_body_is_refused(stage: Stage) -> None:
    request, header = registration(), stage.authorized("platform")
    first = await stage.call(REGISTER, request, header)
    assert await stage.call(REGISTER, request, header) == first
    assert RegisterAccountResponse.FromString(first).account.account_id == request.request_id
    refused = await refusal_of(stage.call(REGISTER, registration(request_id=request.request_id, nickname="x"), header))
    assert refused.reason == "REQUEST_ID_REUSED"
    assert len(await stage.audited()) == 1


async def test_read_answers_under_load_keep_apart(stage: Stage) -> None:
    ids = [new_id() for _ in range(50)]
    header = stage.authorized("platform")
    replies = await asyncio.gather(*(stage.call(GET, GetAccountRequest(account_id=each), header) for each in ids))
    assert [GetAccountResponse.FromString(reply).account.account_id for reply in replies] == ids
