"""Slots: how many accounts one holder or one telephone has, without a list of who has which."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from services.identity.vault.domain import length_prefixed
from services.identity.vault.keys import KeyService, Purpose
from services.identity.verifications.domain import SlotClass
from services.identity.verifications.models import SlotRow
from services.identity.verifications.numbers import Number


def tags(keys: KeyService, number: Number, *, cap: int) -> list[bytes]:
    """The tags (32 bytes each) of a number's slots, in order.

    Args:
        keys: Makes the keyed hashes.
        number: The canonical number.
        cap: How many slots there are.
    """
    identity = (number.scheme.encode(), number.country.encode(), number.value.reveal().encode())
    return [keys.mac(Purpose.SLOT, length_prefixed((*identity, slot.to_bytes(4)))) for slot in range(cap)]


def holds_other(session: Session, account_id: str, slot_class: SlotClass, wanted: Sequence[bytes]) -> bool:
    """True if the account has a slot of that class, and it is none of those wanted."""
    held = _held(session, account_id, slot_class)
    return held is not None and held.tag not in wanted


def other_accounts(session: Session, account_id: str, wanted: Sequence[bytes]) -> list[str]:
    """The other accounts that have one of the wanted slots."""
    query = select(SlotRow.account_id).where(col(SlotRow.tag).in_(wanted), col(SlotRow.account_id) != account_id)
    return list(session.exec(query))


def take(session: Session, account_id: str, slot_class: SlotClass, wanted: Sequence[bytes]) -> bool:
    """Gives the account one of the wanted slots in place of whatever slot of that class it had.

    Returns:
        False, with nothing changed, if all are taken by other accounts.
    """
    held = _held(session, account_id, slot_class)
    if held is not None and held.tag in wanted:
        return True
    taken = set(session.exec(select(SlotRow.tag).where(col(SlotRow.tag).in_(wanted))))
    free = next((tag for tag in wanted if tag not in taken), None)
    if free is None:
        return False
    if held is not None:
        session.delete(held)
        session.flush()
    session.add(SlotRow(tag=free, account_id=account_id, slot_class=slot_class))
    session.flush()
    return True


def _held(session: Session, account_id: str, slot_class: SlotClass) -> SlotRow | None:
    query = select(SlotRow).where(col(SlotRow.account_id) == account_id, col(SlotRow.slot_class) == slot_class)
    return session.exec(query).first()
