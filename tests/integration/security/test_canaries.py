"""What is personal goes in everywhere and comes out nowhere: not in errors, logs, traces, or any file but one.

The one file is the outbox, which stands in for the gateway that sends codes to telephones.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from stdnum.pl import pesel

from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.groups.v1.tipoff_service_pb2 import TIP_OFF_CATEGORY_FRAUD, SubmitTipOffRequest, TipOffTarget
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1 import verification_service_pb2 as verifications
from tests.support.biography import live, look
from tests.support.contract import Rpc, rpcs
from tests.support.eventually import eventually
from tests.support.life import IDENTITY_REVIEWER, Life
from tests.support.suite import Suite, all_reviewed_twice, running_suite
from tests.support.wire import NOBODY, PLATFORM, Who, Wire, wired

# A person who does not exist. What of this is found was leaked.
GIVEN, FAMILY = "Canariella", "Quellwasserova"
NAME = f"{GIVEN} {FAMILY}"
NUMBER = "440514" + "0735" + pesel.calc_check_digit("4405140735")
PASSPORT = "XK7714093"
PHONE = "+12025550178"
COMPANY = "Canarybird Holdings"
REGISTERED = "974760673"
WORDS = "The canary saw it all"
PERSONAL = (GIVEN, FAMILY, NUMBER, PASSPORT, PHONE.removeprefix("+"), COMPANY, REGISTERED)
TYPED = "Typedcanary Whereveritgoes"


@dataclass
class Watched:
    """A suite of which everything is kept that it says."""

    suite: Suite
    wire: Wire
    life: Life
    errors: list[OmbudError] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def call(self, who: Who, rpc: Rpc, request: Message | bytes) -> bytes:
        """Calls, and keeps what a refusal says."""
        try:
            return await self.wire.call(who, rpc, request)
        except OmbudError as error:
            self.errors.append(error)
            trailing = [*(error.trailing_metadata() or ()), *(error.initial_metadata() or ())]
            self.said.append(f"{error.details()} {error.debug_error_string()} {trailing}")
            raise

    async def try_act(self, who: Who, request: Message) -> OmbudError | None:
        """Acts; gives the refusal if there is one."""
        try:
            await self.life.act(who, request)
        except OmbudError as error:
            return error
        return None

    async def submit(self, account_id: str, **evidence: Any) -> OmbudError | None:
        """Submits evidence of any kind for a verification of its own."""
        method = {
            "document": accounts.VERIFICATION_METHOD_DOCUMENT_NUMBER,
            "registration": accounts.VERIFICATION_METHOD_REGISTRATION_NUMBER,
        }[next(iter(evidence))]
        try:
            verification_id = await self.life.start(account_id, method)
        except OmbudError as error:
            return error
        return await self.try_act(
            PLATFORM, verifications.SubmitEvidenceRequest(verification_id=verification_id, **evidence)
        )

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Every file of the suite but the outbox."""
        for path in sorted(self.suite.data_dir.rglob("*")):
            if path.is_file() and path != self.life.outbox:
                yield path, path.read_bytes()


@pytest.fixture
async def watched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Watched]:
    caplog.set_level(logging.DEBUG)
    async with (
        running_suite(tmp_path / "data", policy=all_reviewed_twice(tmp_path)) as suite,
        wired(suite.port, suite.issuer) as wire,
    ):
        watched = Watched(suite, wire, Life(wire.call, suite.clock, suite.data_dir / "identity/outbox/phone.jsonl"))
        watched.life.call = watched.call
        yield watched


def document(number: str = NUMBER, name: str = NAME, **fields: Any) -> verifications.DocumentEvidence:
    usual: dict[str, Any] = {"country": "PL", "type": verifications.DOCUMENT_TYPE_NATIONAL_IDENTITY}
    return verifications.DocumentEvidence(number=number, full_name=name, **usual | fields)


def passport() -> verifications.DocumentEvidence:
    return document(PASSPORT, country="FI", type=verifications.DOCUMENT_TYPE_PASSPORT)


def registration(number: str = REGISTERED) -> verifications.RegistrationEvidence:
    return verifications.RegistrationEvidence(
        type=verifications.REGISTER_TYPE_NATIONAL, country="NO", number=number, legal_name=COMPANY
    )


async def give_everything_personal(watched: Watched) -> None:
    """Every way in for what is personal, with success and with each kind of refusal."""
    life = watched.life
    own = [await life.account(f"nick-{number}") for number in range(5)]
    for account_id in own[:4]:
        refused = await watched.submit(account_id, document=document())
        assert (refused is None) == (account_id != own[3]), "the fourth account of one person"
    for wrong in (document(NUMBER[:-1] + "0"), document(NUMBER * 3), document(name="12345"), document(country="FR")):
        await watched.submit(own[4], document=wrong)
    await watched.submit(own[4], document=passport())
    await watched.submit(own[4], registration=registration())
    company = await life.account("company", holder=3, kind=2)
    await watched.submit(company, registration=registration())
    await watched.submit(company, registration=registration(REGISTERED[:-1] + "0"))
    await life.verify_by_phone(own[4], PHONE)
    verification_id = await life.start(own[4], accounts.VERIFICATION_METHOD_PHONE_CODE, PHONE)
    wrong_code = verifications.PhoneCodeEvidence(code="000000")
    for _ in range(6):
        await watched.try_act(
            PLATFORM, verifications.SubmitEvidenceRequest(verification_id=verification_id, phone_code=wrong_code)
        )
    for phone in (PHONE * 3, PHONE + "0000", PHONE.removeprefix("+")):
        await watched.try_act(
            PLATFORM,
            verifications.StartVerificationRequest(
                account_id=own[4], method=accounts.VERIFICATION_METHOD_PHONE_CODE, phone_number=phone
            ),
        )
    cases = await life.act(IDENTITY_REVIEWER, verifications.ListReviewCasesRequest())
    for case in cases.cases:
        await watched.try_act(
            IDENTITY_REVIEWER,
            verifications.DecideVerificationRequest(
                verification_id=case.verification.verification_id, decision=verifications.REVIEW_DECISION_REJECT
            ),
        )


def assert_unseen(canaries: tuple[str, ...], text: str, where: str) -> None:
    # Not in the assertion: its failure must not repeat the text.
    seen = [canary for canary in canaries if canary.lower() in text.lower()]
    assert not seen, where


def assert_in_no_file(watched: Watched, canaries: tuple[str, ...]) -> None:
    read = 0
    for path, content in watched.files():
        read += 1
        for canary in canaries:
            for written in (canary.encode(), canary.encode("utf-16-le"), canary.encode().hex().encode()):
                assert written not in content, path.name
    assert read > 10


async def test_personal_data_is_found_nowhere_but_in_the_outbox(
    watched: Watched, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    await give_everything_personal(watched)
    await traces_of(watched, "ombud.identity.v1.VerificationService/SubmitEvidence")
    assert {error.reason for error in watched.errors} >= {
        "DOCUMENT_NUMBER_REFUSED",
        "NAME_REFUSED",
        "PHONE_NUMBER_REFUSED",
        "PHONE_CODE_WRONG",
        "PHONE_CODE_SPENT",
        "VERIFICATION_REFUSED",
        "METHOD_NOT_FOR_HOLDER",
    }
    assert_unseen(PERSONAL, "\n".join(watched.said), "errors")
    assert_unseen(PERSONAL, caplog.text + "".join(capfd.readouterr()), "logs")
    assert_in_no_file(watched, PERSONAL)
    assert any(b"nick-0" in content for _, content in watched.files()), "what is not sealed would be found"
    assert PHONE in watched.life.outbox.read_text(encoding="utf-8")


async def traces_of(watched: Watched, name: str) -> None:
    async def exported() -> bool:
        return any(path.name.startswith("traces.db") and name.encode() in content for path, content in watched.files())

    await eventually(exported)


async def test_personal_data_stays_in_when_each_statement_of_the_database_fails_in_turn(
    watched: Watched, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    life = watched.life

    async def by_document() -> None:
        await watched.submit(await life.account("one"), document=document())

    async def by_passport() -> None:
        await watched.submit(await life.account("two"), document=passport())

    async def by_registration() -> None:
        await watched.submit(await life.account("three", holder=3, kind=2), registration=registration())

    async def by_phone() -> None:
        await life.verify_by_phone(await life.account("four"), PHONE)

    for act in (by_document, by_passport, by_registration, by_phone):
        await failing_in_turn(act)
    failed = [error for error in watched.errors if error.reason == "DATABASE_UNAVAILABLE"]
    assert len(failed) > 20
    assert_unseen(PERSONAL, "\n".join(watched.said), "errors")
    assert_unseen(PERSONAL, caplog.text + "".join(capfd.readouterr()), "logs")
    assert_in_no_file(watched, PERSONAL)


async def failing_in_turn(act: Callable[[], Any]) -> None:
    """Lets identity's first statement fail, then the second, and so on, until none is left to fail."""
    countdown = 0

    def fail(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        nonlocal countdown
        if threading.current_thread().name.startswith("identity"):
            countdown -= 1
            if countdown == 0:
                # As a driver's own error does, this one repeats the values of the statement.
                raise OperationalError(statement, parameters, Exception(f"{NAME} {NUMBER} {PHONE}"))

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        for statement in range(1, 100):
            countdown = statement
            with contextlib.suppress(OmbudError):
                await act()
            if countdown > 0:
                return
        raise AssertionError("it never ends")
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


async def test_words_of_a_reporter_are_sealed(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    life = watched.life
    group = await life.group(await life.verified("anna", 31))
    await life.act(
        NOBODY,
        SubmitTipOffRequest(
            target=TipOffTarget(group_code=group.code),
            category=TIP_OFF_CATEGORY_FRAUD,
            explanation=WORDS,
            excerpt=WORDS.encode(),
            good_faith=True,
        ),
    )
    await traces_of(watched, "ombud.groups.v1.TipOffService/SubmitTipOff")
    assert_unseen((WORDS,), caplog.text, "logs")
    assert_in_no_file(watched, (WORDS,))


def typed_everywhere(example: Message) -> Iterator[Any]:
    """The request with the canary in one of its texts, for each of them at any depth."""
    for field_descriptor in example.DESCRIPTOR.fields:
        if field_descriptor.name == "request_id":
            continue
        copy = type(example)()
        copy.CopyFrom(example)
        value = TYPED.encode() if field_descriptor.type == FieldDescriptor.TYPE_BYTES else TYPED
        if field_descriptor.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            if field_descriptor.is_repeated:
                getattr(copy, field_descriptor.name).append(value)
            else:
                setattr(copy, field_descriptor.name, value)
            yield copy
        elif field_descriptor.message_type is not None and not field_descriptor.is_repeated:
            for inner in typed_everywhere(getattr(example, field_descriptor.name)):
                getattr(copy, field_descriptor.name).CopyFrom(inner)
                yield copy


async def test_text_typed_into_any_field_is_repeated_by_no_error_log_or_trace(
    watched: Watched, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    await live(watched.life)
    await look(watched.life)
    typed = 0
    for rpc in rpcs():
        example = watched.life.examples[rpc.path]
        requests = list(typed_everywhere(example.request))
        for request in requests:
            if rpc.method.keyed:
                request.request_id = new_id()
        calls = (watched.call(example.who, rpc, request) for request in requests)
        typed += len(await asyncio.gather(*calls, return_exceptions=True))
    assert typed > 100
    await traces_of(watched, "ombud.retention.v1.LogService/GetReceipt")
    canary = TYPED.split()
    assert_unseen((canary[0], canary[1]), "\n".join(watched.said), "errors")
    assert_unseen((canary[0], canary[1]), caplog.text + "".join(capfd.readouterr()), "logs")
    for path, content in watched.files():
        if path.name.startswith("traces.db"):
            assert_unseen((canary[0], canary[1]), content.decode(errors="replace"), path.name)
