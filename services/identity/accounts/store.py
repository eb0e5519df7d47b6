"""Queries on accounts."""

from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from chassis.db import Unit
from chassis.refusal import Refusal
from services.identity.accounts.domain import Account, AccountKind, Assurance, Basis, HolderKind, Level, Method
from services.identity.accounts.models import AccountRow

_INSERT = insert(AccountRow)


def find(session: Session, account_id: str) -> Account | None:
    """The account, if there is one by that id."""
    row = session.get(AccountRow, account_id)
    return None if row is None else _account(row)


def get(session: Session, account_id: str) -> Account:
    """The account.

    Raises:
        Refusal: NOT_FOUND.
    """
    account = find(session, account_id)
    if account is None:
        raise Refusal.not_found("account", account_id)
    return account


def page(session: Session, *, after: str, limit: int) -> list[Account]:
    """Up to `limit` accounts in the order of their ids, which is that of registration, after the given id."""
    query = select(AccountRow).where(col(AccountRow.account_id) > after).order_by(col(AccountRow.account_id))
    return [_account(row) for row in session.exec(query.limit(limit))]


def add(unit: Unit, account: Account) -> None:
    """Records a new account."""
    unit.store(_INSERT, **_values(account))


def save(session: Session, account: Account) -> None:
    """Replaces what is recorded of an account."""
    session.merge(AccountRow(**_values(account)))


def _values(account: Account) -> dict[str, Any]:
    """The columns of an account, by name."""
    assurance = account.assurance
    return {
        "account_id": account.account_id,
        "kind": account.kind,
        "holder_kind": account.holder_kind,
        "nickname": account.nickname,
        "nickname_time": account.nickname_time,
        "create_time": account.create_time,
        "grace_end_time": account.grace_end_time,
        "level": assurance.level if assurance else Level.L0,
        "method": assurance.method if assurance else None,
        "basis": assurance.basis if assurance else None,
        "verified_until": assurance.until if assurance else None,
    }


def _account(row: AccountRow) -> Account:
    return Account(
        account_id=row.account_id,
        kind=AccountKind(row.kind),
        holder_kind=HolderKind(row.holder_kind),
        nickname=row.nickname,
        nickname_time=row.nickname_time,
        create_time=row.create_time,
        grace_end_time=row.grace_end_time,
        assurance=_assurance(row),
    )


def _assurance(row: AccountRow) -> Assurance | None:
    if row.method is None or row.basis is None or row.verified_until is None:
        return None
    return Assurance(Level(row.level), Method(row.method), Basis(row.basis), row.verified_until)
