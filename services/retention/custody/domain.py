"""The rules of custody, and what a custodian's answer is made of.

An answer to an access or a hold is one envelope, sealed to a key that the service made for the request. In it, for each
share that was asked for and each group that it is to open, in order:

    u8 values | that many times: u8 slot | 32 value

An answer for another custodian is an envelope a share, sealed to that custodian's key and bound to what the share
opens: the same as theirs would have been, as far as one custodian knows it. Two such answers make their share whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from chassis.refusal import ErrorReason, Refusal
from services.retention.keys import domain as keys
from services.retention.keys.domain import KEY_BYTES, Buffer, Scope
from services.retention.log.leaves import RecordClass

_VALUE_BYTES = 1 + KEY_BYTES


class State(StrEnum):
    """Where a custodian stands."""

    PROPOSED = "PROPOSED"
    ACTIVE = "ACTIVE"
    REPLACED = "REPLACED"


class EventKind(StrEnum):
    """What is registered."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    ANSWERED = "ANSWERED"
    OPENED = "OPENED"
    DAY_CLOSED = "DAY_CLOSED"


@dataclass(frozen=True, slots=True)
class Custodianship:
    """A person's hold of a slot, and what became of it."""

    custodian_id: str
    slot: int
    staff_id: str
    public_key: bytes
    proposer: str
    propose_time: datetime
    state: State = State.PROPOSED
    approver: str | None = None
    approve_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is to give of one share.

    Attributes:
        day: The day.
        group: The group of the scope; None for the day's secret, which any scope's key follows from.
        opens: The groups that it is to open; none if the share as such is asked for.
    """

    day: date
    group: bytes | None
    opens: Sequence[bytes] = ()

    @property
    def scopes(self) -> list[Scope]:
        """The scopes that it is to open."""
        return [Scope(RecordClass.CHAT, each) for each in self.opens]


@dataclass(frozen=True, slots=True)
class Held:
    """What a custodian holds of one day's secret, or of one scope's key that a hold keeps.

    Attributes:
        asked: What it is, and what an answer is to give of it.
        values: By slot, the parts of the secret, or the values of the scope's key.
    """

    asked: Asked
    values: dict[int, Buffer]


def check_slot(slot: int, slots: int) -> None:
    """Returns if there is such a slot.

    Raises:
        Refusal: SLOT_UNKNOWN.
    """
    if slot > slots:
        raise Refusal.field(
            "slot",
            "there is no such slot",
            reason=ErrorReason.ERROR_REASON_SLOT_UNKNOWN,
            satisfy=f"a slot from 1 to {slots}",
            slots=slots,
        )


def approve(proposed: Custodianship, active: Iterable[Custodianship], approver: str, at: datetime) -> Custodianship:
    """The custodian, approved by a second person.

    Raises:
        Refusal: SECOND_PERSON_REQUIRED, WRONG_STATE or ALREADY_CUSTODIAN.
    """
    if approver == proposed.proposer:
        raise Refusal.second_person("proposal")
    if proposed.state is not State.PROPOSED:
        raise Refusal.wrong_state("custodian", state=proposed.state.value, needs=State.PROPOSED.value)
    for other in active:
        if other.staff_id == proposed.staff_id and other.slot != proposed.slot:
            raise Refusal(
                ErrorReason.ERROR_REASON_ALREADY_CUSTODIAN,
                "the person holds another slot",
                satisfy="a person who holds none",
                slot=other.slot,
            )
    return replace(proposed, state=State.ACTIVE, approver=approver, approve_time=at)


def answer_info(pending_id: str) -> bytes:
    """What the envelope of an answer to an access is bound to."""
    return b"ombud answer v1 " + pending_id.encode()


def held_info(day: date, group: bytes | None) -> bytes:
    """What the envelopes of a share are bound to."""
    if group is None:
        return keys.share_info(RecordClass.CHAT, day)
    return keys.hold_info(day, Scope(RecordClass.CHAT, group))


def access_answer(held: Sequence[Held]) -> bytearray:
    """What a custodian puts into the envelope of an answer to an access or a hold."""
    answer = bytearray()
    for each in held:
        for scope in each.asked.scopes:
            values = each.values
            if each.asked.group is None:
                values = {slot: keys.value(part, scope.info) for slot, part in values.items()}
            answer.append(len(values))
            answer += keys.pack(values)
    return answer


def read_answer(answer: bytes, asked: Sequence[Asked]) -> dict[tuple[date, Scope], dict[int, Buffer]]:
    """What an answer to an access or a hold gives, by day and scope.

    Raises:
        Refusal: CUSTODY_ANSWER_INVALID, if it is not an answer to what was asked.
    """
    found: dict[tuple[date, Scope], dict[int, Buffer]] = {}
    at = 0
    for each in asked:
        for scope in each.scopes:
            end = at + 1 + (answer[at] if at < len(answer) else 0) * _VALUE_BYTES
            if end > len(answer):
                raise keys.invalid_answer("the answer is cut short")
            found[each.day, scope] = keys.unpack(answer[at + 1 : end])
            at = end
    if at != len(answer):
        raise keys.invalid_answer("the answer goes beyond what was asked")
    return found


def successor_share(held: Held, slot: int) -> bytearray:
    """What a custodian can give of the share of a slot."""
    return keys.pack({other: each for other, each in held.values.items() if other != slot})


def not_a_custodian() -> Refusal:
    """The caller holds no slot."""
    return Refusal(
        ErrorReason.ERROR_REASON_NOT_A_CUSTODIAN,
        "the caller holds no custodian's slot",
        satisfy="a call of an active custodian",
    )
