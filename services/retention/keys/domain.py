"""How keys follow from a day's secret, and how two of several custodians open a scope and nothing else.

A day's secret is a few independent parts of 32 random bytes. The key of a scope is the XOR of one value a part:

    scope key = HKDF-Expand-SHA256(part 1, info) XOR ... XOR HKDF-Expand-SHA256(part n, info)
    info      = "ombud scope v1" || u8 class || 16 group id (zeros: none)

There is one slot for a custodian a part. The custodian of slot i gets every part but the i-th: alone they lack one, any
two have all. To open a scope a custodian gives the scope's values under their parts, never the parts. So two answers
give the keys of the scopes that were asked for; nobody, who combines them included, learns a part or another scope's
key. (This is replicated secret sharing with a pseudorandom function on each part, as Naor, Pinkas and Reingold describe
it; without the function, XOR alone, two answers would give the whole day away.)
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from chassis.refusal import ErrorReason, Refusal
from services.retention.log.leaves import NO_GROUP, RecordClass

KEY_BYTES = 32
KEY_ID_BYTES = 16
FEWEST_ANSWERS = 2
_SCOPE = struct.Struct(">14sB16s")
_SCOPE_LABEL = b"ombud scope v1"
_KEY_ID_LABEL = b"ombud key id v1"

Buffer = bytes | bytearray


@dataclass(frozen=True, slots=True)
class Scope:
    """What one key opens on one day: a group's records of a class, or with no group what belongs to none."""

    record_class: RecordClass
    group: bytes = NO_GROUP

    @classmethod
    def of_group(cls, group_id: str) -> "Scope":
        """The scope of a group's chat, by its id (UUID)."""
        return cls(RecordClass.CHAT, UUID(group_id).bytes)

    @property
    def info(self) -> bytes:
        """By which its key is told from others under the same secret."""
        return _SCOPE.pack(_SCOPE_LABEL, self.record_class, self.group)


def value(part: Buffer, info: bytes) -> bytearray:
    """What a part contributes to a key."""
    derived = bytearray(KEY_BYTES)
    HKDFExpand(SHA256(), KEY_BYTES, info).derive_into(part, derived)
    return derived


def combine(values: Sequence[Buffer]) -> bytearray:
    """The key that one value of each part gives."""
    key = bytearray(KEY_BYTES)
    for each in values:
        for at, byte in enumerate(each):
            key[at] ^= byte
    return key


def derive(parts: Sequence[Buffer], info: bytes) -> bytearray:
    """A key, from all parts of a secret."""
    values = [value(part, info) for part in parts]
    key = combine(values)
    for each in values:
        wipe(each)
    return key


def key_id(parts: Sequence[Buffer]) -> bytes:
    """By which a secret is named; tells nothing of it."""
    return bytes(derive(parts, _KEY_ID_LABEL)[:KEY_ID_BYTES])


def share(values: Sequence[Buffer], slot: int) -> dict[int, Buffer]:
    """What the custodian of a slot holds of parts, or of one scope's values: by slot, all but their own."""
    return {other: each for other, each in enumerate(values, 1) if other != slot}


def merge(answers: Sequence[Mapping[int, Buffer]], slots: int) -> list[Buffer]:
    """The values of every slot, from two or more custodians' answers.

    Raises:
        Refusal: CUSTODY_ANSWER_INVALID, if answers contradict each other or do not make a whole.
    """
    merged: dict[int, Buffer] = {}
    for answer in answers:
        for slot, each in answer.items():
            if merged.setdefault(slot, each) != each:
                raise invalid_answer("the answers contradict each other")
    if sorted(merged) != list(range(1, slots + 1)) or any(len(each) != KEY_BYTES for each in merged.values()):
        raise invalid_answer("the answers do not make a whole")
    return [merged[slot] for slot in sorted(merged)]


def pack(values: Mapping[int, Buffer]) -> bytearray:
    """Values by slot as bytes: u8 slot | 32 value, each."""
    packed = bytearray()
    for slot, each in values.items():
        packed.append(slot)
        packed += each
    return packed


def unpack(packed: Buffer) -> dict[int, Buffer]:
    """What `pack` wrote.

    Raises:
        Refusal: CUSTODY_ANSWER_INVALID, if it is not that.
    """
    if len(packed) % (1 + KEY_BYTES):
        raise invalid_answer("the answer is cut short")
    return {packed[at]: packed[at + 1 : at + 1 + KEY_BYTES] for at in range(0, len(packed), 1 + KEY_BYTES)}


def journal_info(file_id: bytes) -> bytes:
    """By which the key of a write-ahead file is told from others under the same secret."""
    return b"ombud journal v1" + file_id


def share_info(record_class: RecordClass, day: date) -> bytes:
    """What the envelopes of a day's shares are bound to."""
    return f"ombud share v1 {record_class.name} {day.isoformat()}".encode()


def hold_info(day: date, scope: Scope) -> bytes:
    """What the envelopes of a hold's shares are bound to."""
    return f"ombud hold v1 {day.isoformat()} ".encode() + scope.info


def wipe(secret: bytearray) -> None:
    """Overwrites a secret in memory."""
    secret[:] = bytes(len(secret))


def custodians_required(day: date) -> Refusal:
    """The day is in custody."""
    return Refusal(
        ErrorReason.ERROR_REASON_CUSTODIANS_REQUIRED,
        "the day's keys are in custody",
        satisfy=f"answers of {FEWEST_ANSWERS} custodians to an approved request that covers the day",
        day=day.isoformat(),
        answers=FEWEST_ANSWERS,
    )


def keys_destroyed(day: date) -> Refusal:
    """There is no key for the day any more, or there never was one."""
    return Refusal(
        ErrorReason.ERROR_REASON_KEYS_DESTROYED,
        "no keys of the day exist: they were destroyed, or nothing was received on it",
        satisfy="a day within its retention period",
        day=day.isoformat(),
    )


def custodians_missing(filled: int) -> Refusal:
    """Too few custodians are registered for anything to go into custody."""
    return Refusal(
        ErrorReason.ERROR_REASON_CUSTODIANS_MISSING,
        "too few custodians are registered",
        satisfy=f"{FEWEST_ANSWERS} registered custodians",
        custodians=filled,
    )


def invalid_answer(message: str) -> Refusal:
    """A custodian's answer can not be used."""
    return Refusal(
        ErrorReason.ERROR_REASON_CUSTODY_ANSWER_INVALID,
        message,
        satisfy="the answer that `ombud custodian answer` makes from the pending request as it stands now",
    )
