"""The tables: in step with the models, and each column's kind of content known."""

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from chassis.config import ConfigError
from services.identity.models import metadata
from tests.integration.identity.conftest import running_identity
from tests.support.engines import OpenDatabase

# What each column holds. Personal values are sealed or keyed hashes; nothing else may tell of a holder.
INVENTORY = {
    "id": {
        "account.account_id",
        "verification.verification_id",
        "verification.account_id",
        "slot.account_id",
        "data_key.account_id",
        "data_key.key_id",
        "cell.verification_id",
        "cell.account_id",
        "agreement.name",
        "agreement.version",
        "signature.account_id",
        "signature.agreement_name",
        "signature.version",
        "accreditation.accreditation_id",
        "accreditation.account_id",
    },
    "public name": {"account.nickname", "accreditation.nickname"},
    "kind, state or count": {
        "account.kind",
        "account.holder_kind",
        "account.level",
        "account.method",
        "account.basis",
        "verification.method",
        "verification.state",
        "verification.reason",
        "verification.level",
        "verification.doubts",
        "verification.tries_left",
        "slot.slot_class",
        "cell.field",
        "accreditation.state",
    },
    "instant": {
        "account.nickname_time",
        "account.create_time",
        "account.grace_end_time",
        "account.verified_until",
        "verification.create_time",
        "verification.expire_time",
        "verification.submit_time",
        "verification.decide_time",
        "data_key.create_time",
        "agreement.effective_time",
        "agreement.publish_time",
        "signature.sign_time",
        "accreditation.apply_time",
        "accreditation.grant_time",
    },
    "sealed personal value": {"cell.sealed"},
    "wrapped key": {"data_key.wrapped"},
    "keyed hash of a personal value": {"slot.tag", "verification.code_mac"},
    "published text": {"agreement.terms"},
    "hash of published text": {"agreement.terms_sha256", "signature.terms_sha256"},
}


def test_every_column_is_in_the_inventory_once() -> None:
    columns = sorted(f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.c)
    assert sorted(column for kind in INVENTORY.values() for column in kind) == columns


async def test_database_refuses_what_no_command_may_write(databases: OpenDatabase) -> None:
    account = "INSERT INTO account (account_id, kind, holder_kind, nickname, nickname_time, create_time, level) VALUES "
    slot = "INSERT INTO slot (tag, account_id, slot_class) VALUES "
    good = f"{account} ('a', 'PERSONAL', 'INDIVIDUAL', 'x', 0, 0, 'L0'), ('b', 'PUBLIC', 'COMPANY', 'x', 0, 0, 'L0')"
    refused = [
        f"{account} ('c', 'PERSONAL', 'COMPANY', 'x', 0, 0, 'L0')",
        f"{account} ('c', 'PERSONAL', 'INDIVIDUAL', 'x', 0, 0, 'L2')",
        f"{slot} ('t', 'nobody', 'HOLDER')",
        f"{slot} ('t', 'a', 'HOLDER'), ('t', 'b', 'HOLDER')",
        f"{slot} ('t', 'a', 'HOLDER'), ('u', 'a', 'HOLDER')",
        "INSERT INTO signature VALUES ('a', 'none', 1, '', 0)",
    ]
    async with databases("identity") as database:
        await database.work("test.write", lambda unit: _execute(unit.session, good))
        for statement in refused:
            with pytest.raises(IntegrityError):
                await database.work("test.write", lambda unit, sql=statement: _execute(unit.session, sql))  # type: ignore[misc]  # bound at once


def _execute(session: Session, statement: str) -> None:
    session.connection().exec_driver_sql(statement)


async def test_start_with_a_broken_key_file_is_refused(tmp_path: Path) -> None:
    key_file = tmp_path / "keys" / "identity.key"
    key_file.parent.mkdir()
    key_file.write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"identity\.key"):
        async with running_identity(tmp_path):
            pass
