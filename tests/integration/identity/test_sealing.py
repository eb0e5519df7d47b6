"""What whoever steals the database, the logs or the traces learns of a holder: nothing."""

import hashlib
import hmac
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import text
from sqlmodel import Session, select

from chassis.db import Unit
from chassis.redacted import Redacted
from ombud.client import OmbudError
from ombud.identity.v1.account_service_pb2 import VERIFICATION_METHOD_PHONE_CODE
from ombud.identity.v1.verification_service_pb2 import (
    DOCUMENT_TYPE_PASSPORT,
    DocumentEvidence,
    StartVerificationRequest,
)
from services.identity.vault.domain import CellBroken, CellField
from services.identity.vault.keys import LocalKeys
from services.identity.vault.models import CellRow, DataKeyRow
from services.identity.vault.store import Vault
from services.identity.verifications import slots
from services.identity.verifications.models import SlotRow
from services.identity.verifications.numbers import Number
from tests.integration.identity.conftest import Identity, document
from tests.support.refusals import refusal_of

# A person who does not exist. What of this is found anywhere was leaked.
NUMBER = "110101199003074514"
NAME = "Canaria Quellwasser"
PHONE = "+442079460958"
CANARIES = (NUMBER, NAME, "Canaria", "Quellwasser", PHONE, PHONE[1:], "19900307")


def vault_of(identity: Identity) -> Vault:
    return Vault(LocalKeys.from_file(identity.data_dir / "keys" / "identity.key"))


async def dump(identity: Identity) -> list[Any]:
    """Every value of every table."""

    def query(session: Session) -> list[Any]:
        tables = session.connection().execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars()
        rows = (row for table in list(tables) for row in session.connection().execute(text(f'SELECT * FROM "{table}"')))  # noqa: S608 - names of the database's own
        return [value for row in rows for value in row if value is not None]

    return await identity.database.read(query)


async def everything(identity: Identity) -> None:
    """Gives every RPC that takes personal values some, with success and with each kind of failure."""
    for _ in range(4):
        account = await identity.register()
        await _whatever_comes(identity.verify_person(account.account_id, NUMBER, name=NAME))
    account = await identity.register()
    await identity.verify_person(account.account_id, NUMBER, name=NAME, kind=DOCUMENT_TYPE_PASSPORT)
    for number, name in ((NUMBER[:-1] + "5", NAME), (NUMBER, "19900307"), (NUMBER * 4, NAME)):
        await _whatever_comes(identity.verify_person(account.account_id, number, name=name))
    verification = await identity.start_phone(account.account_id, PHONE)
    await _whatever_comes(identity.submit_code(verification.verification_id, "000000"))
    await identity.submit_code(verification.verification_id, identity.sent_codes()[-1]["code"])
    await identity.start_phone(account.account_id, PHONE)
    await _whatever_comes(identity.start_phone(account.account_id, PHONE + "00000000"))


async def _whatever_comes(call: Any) -> None:
    try:
        await call
    except OmbudError as error:
        shown = f"{error} {error.message} {error.facts} {error.violations}"
        assert not any(canary in shown for canary in CANARIES)


async def test_canaries_are_found_nowhere_but_in_the_outbox(
    identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await everything(identity)
    identity.telemetry.flush()
    spans = "".join(span.to_json() for span in identity.exporter.get_finished_spans())
    files = b"".join(file.read_bytes() for file in identity.data_dir.glob("identity.db*"))
    assert files
    for canary in CANARIES:
        assert canary not in caplog.text
        assert canary not in spans
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert canary.encode(encoding) not in files
        assert canary.encode().hex().encode() not in files


@pytest.mark.parametrize("place", ["Vault.put", "Vault.open", "slots.take", "store.save", "accounts.save"])
async def test_fault_whose_text_repeats_a_number_reaches_neither_caller_nor_log(
    identity: Identity, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    def broken(*_arguments: object, **_named: object) -> None:
        raise RuntimeError(f"constraint failed for {NUMBER} {NAME} {PHONE}")

    account = await identity.register()
    verification = await identity.start_phone(account.account_id, PHONE)
    code = identity.sent_codes()[0]["code"]
    monkeypatch.setattr(f"services.identity.verifications.commands.{place}", broken)
    if place == "Vault.put":
        failing = identity.start_phone(account.account_id, PHONE)
    else:
        failing = identity.submit_code(verification.verification_id, code)
    refusal = await refusal_of(failing)
    assert refusal.reason == "INTERNAL"
    shown = f"{refusal} {refusal.message} {refusal.facts} {caplog.text}"
    assert not any(canary in shown for canary in CANARIES)
    assert refusal.facts["incident"] in caplog.text


async def test_whoever_has_the_database_and_the_code_finds_no_number_by_trying_them(identity: Identity) -> None:
    await everything(identity)
    values = await dump(identity)
    found = {value for value in values if isinstance(value, bytes)} | {
        value.encode() for value in values if isinstance(value, str)
    }
    everything_stored = b"\0".join(found)
    for guess in _guesses(values):
        assert guess not in everything_stored


def _guesses(values: list[Any]) -> Iterator[bytes]:
    """Hashes of the right numbers, keyed with nothing and with everything that the database holds."""
    plain = [text.encode() for text in (NUMBER, PHONE, PHONE[1:])]
    keys = {value for value in values if isinstance(value, bytes) and len(value) in (16, 32)} | {b""}
    for message in plain:
        yield hashlib.sha256(message).digest()
        for key in keys:
            yield hmac.digest(key, message, "sha256")
    unkeyed = [
        slots.tags(LocalKeys(root.ljust(32, b"\0")[:32]), number, cap=3)
        for root in keys
        for number in (
            Number("cn.ric", "CN", Redacted(NUMBER), checked=True),
            Number("phone", "", Redacted(PHONE), checked=True),
        )
    ]
    yield from itertools.chain.from_iterable(unkeyed)
    # A replay is told by a digest of the request, of which all but the number is known: its ids are in the database.
    ids = sorted({value for value in values if isinstance(value, str) and len(value) == 36})
    for first, second in itertools.permutations(ids, 2):
        for request in _requests(first, second):
            yield hashlib.sha256(request.SerializeToString(deterministic=True)).digest()


def _requests(request_id: str, resource_id: str) -> Iterator[Message]:
    yield StartVerificationRequest(
        request_id=request_id,
        account_id=resource_id,
        method=VERIFICATION_METHOD_PHONE_CODE,
        phone_number=PHONE,
    )
    submitted = document(resource_id, NUMBER, name=NAME)
    submitted.request_id = request_id
    yield submitted


async def test_dump_does_not_show_which_accounts_share_a_person(identity: Identity) -> None:
    accounts = [await identity.register() for _ in range(3)]
    for account in accounts:
        await identity.verify_person(account.account_id, NUMBER, name=NAME)
    rows = await identity.database.read(
        lambda session: (
            session.exec(select(SlotRow)).all(),
            session.exec(select(DataKeyRow)).all(),
            session.exec(select(CellRow)).all(),
        )
    )
    tags, keys, cells = rows
    assert len({row.tag for row in tags}) == len(tags) == 3
    assert {len(row.tag) for row in tags} == {32}
    assert len({row.wrapped for row in keys}) == len(keys) == 3
    assert len({row.sealed for row in cells}) == len(cells)


def opens(vault: Vault, session: Session, verification_id: str) -> bool:
    try:
        vault.open(session, verification_id)
    except CellBroken:
        return False
    return True


async def test_no_cell_opens_in_the_place_of_another(identity: Identity) -> None:
    for number in (NUMBER, "310104195508121230"):
        account = await identity.register()
        await identity.verify_person(account.account_id, number, name=NAME)
        await identity.start_phone(account.account_id, PHONE)
    vault = vault_of(identity)

    def swap_every_pair(unit: Unit) -> list[bool]:
        rows = unit.session.exec(select(CellRow)).all()
        sealed = {(row.verification_id, row.field): row.sealed for row in rows}
        opened = []
        for target, source in itertools.permutations(rows, 2):
            target.sealed = sealed[source.verification_id, source.field]
            opened.append(opens(vault, unit.session, target.verification_id))
            target.sealed = sealed[target.verification_id, target.field]
        return opened

    opened = await identity.database.work("test.swap", swap_every_pair)
    assert len(opened) == 12 * 11
    assert not any(opened)


async def test_data_key_of_another_holder_does_not_unwrap(identity: Identity) -> None:
    verified = []
    for number in (NUMBER, "310104195508121230"):
        account = await identity.register()
        verified.append((await identity.verify_person(account.account_id, number, name=NAME)).verification_id)
    vault = vault_of(identity)

    def exchange(unit: Unit) -> list[bool]:
        first, second = unit.session.exec(select(DataKeyRow)).all()
        before = [opens(vault, unit.session, verification_id) for verification_id in verified]
        first.wrapped, second.wrapped = second.wrapped, first.wrapped
        first.key_id, second.key_id = second.key_id, first.key_id
        return before + [opens(vault, unit.session, verification_id) for verification_id in verified]

    assert await identity.database.work("test.exchange", exchange) == [True, True, False, False]


async def test_service_can_open_what_it_sealed(identity: Identity) -> None:
    account = await identity.register()
    verification = await identity.verify_person(account.account_id, NUMBER, name=f"  {NAME} ")
    cells = await identity.database.read(lambda session: vault_of(identity).open(session, verification.verification_id))
    assert cells[CellField.NUMBER] == Redacted(NUMBER)
    assert cells[CellField.NAME] == Redacted(NAME)
    assert NUMBER not in repr(cells)


async def test_evidence_of_no_more_use_is_erased(identity: Identity) -> None:
    account = await identity.register()

    async def kept() -> set[str]:
        return set(await identity.database.read(lambda session: session.exec(select(CellRow.verification_id)).all()))

    superseded = await identity.start_phone(account.account_id, PHONE)
    assert await kept() == {superseded.verification_id}
    first = await identity.verify_person(account.account_id, NUMBER, name=NAME)
    assert await kept() == {first.verification_id}
    renewed = await identity.verify_person(account.account_id, NUMBER, name=NAME)
    assert await kept() == {renewed.verification_id}
    for _ in range(2):
        await identity.verify_person((await identity.register()).account_id, NUMBER, name=NAME)
    before = await kept()
    await refusal_of(identity.verify_person((await identity.register()).account_id, NUMBER, name=NAME))
    assert await kept() == before


async def test_same_request_id_with_another_number_is_refused(identity: Identity) -> None:
    verification = await identity.start((await identity.register()).account_id)
    request = document(verification.verification_id, NUMBER)
    await identity.submit(request)
    request.document.number = "310104195508121230"
    assert (await refusal_of(identity.submit(request))).reason == "REQUEST_ID_REUSED"


def test_fields_with_personal_values_are_marked_in_the_contract() -> None:
    marked = {field.name for field in DocumentEvidence.DESCRIPTOR.fields if field.GetOptions().debug_redact}
    assert marked == {"number", "full_name", "expiry_date"}
    phone = StartVerificationRequest.DESCRIPTOR.fields_by_name["phone_number"]
    assert phone.GetOptions().debug_redact
