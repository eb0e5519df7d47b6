"""What waits for custodians' answers, and what the answers open.

Nothing of it is kept on a disk: the keys that answers are sealed to, and the answers, are in memory alone. After a new
start custodians are asked again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.retention.access.domain import Access
from services.retention.custody import domain
from services.retention.custody.domain import Asked, Custodianship
from services.retention.holds.domain import Hold
from services.retention.keys import domain as keys_domain
from services.retention.keys.domain import FEWEST_ANSWERS, Buffer, Scope
from services.retention.keys.envelope import EnvelopeError, PrivateKey, public_key_id
from services.retention.keys.keys import Keys
from services.retention.keys.store import Entry, KeyStore, Share
from services.retention.log.leaves import RecordClass
from services.retention.memberships.domain import History

_Values = Mapping[tuple[date, Scope], Mapping[int, Buffer]]


@dataclass(slots=True)
class Pending:
    """A request that waits for answers.

    Attributes:
        pending_id: Of the access, the hold, or the custodian to share with.
        entries: What is to be opened or shared.
        opens: The groups that each entry is to open; none if it is to be shared.
        key: What an answer is sealed to; None if it is for another custodian.
        answers: What slots answered for an access or a hold.
        passed_on: What slots answered for another custodian.
    """

    pending_id: str
    entries: list[Entry]
    opens: list[list[bytes]]
    key: PrivateKey | None = None
    access: Access | None = None
    hold: Hold | None = None
    successor: Custodianship | None = None
    answers: dict[int, _Values] = field(default_factory=dict)
    passed_on: dict[int, Sequence[bytes]] = field(default_factory=dict)

    @property
    def asked(self) -> list[Asked]:
        """What an answer to an access or a hold is to give."""
        places = ((entry.day, entry.scope.group if entry.scope else None) for entry in self.entries)
        return [Asked(*place, groups) for place, groups in zip(places, self.opens, strict=True)]

    @property
    def answer_key(self) -> bytes:
        """The public key that answers are sealed to."""
        if self.key is not None:
            return self.key.public
        return self.successor.public_key if self.successor else b""

    @property
    def answered(self) -> set[int]:
        """The slots whose answers came."""
        return {*self.answers, *self.passed_on}


class Requests:
    """Finds what waits, and opens what two custodians answered. On the event loop.

    Args:
        keys: Takes what was opened.
        store: What is in custody.
    """

    def __init__(self, keys: Keys, store: KeyStore) -> None:
        self._keys = keys
        self._store = store
        self._pending: dict[str, Pending] = {}
        self._opened: set[str] = set()

    def waiting(
        self,
        caller: Custodianship,
        accesses: Sequence[Access],
        holds: Sequence[Hold],
        histories: Mapping[str, History],
        custodians: Sequence[Custodianship],
    ) -> list[Pending]:
        """What the caller can answer and has not.

        Args:
            caller: A custodian.
            accesses: The accesses that are open.
            holds: The holds in force.
            histories: By group id, the memberships that narrow holds.
            custodians: Who holds the slots.
        """
        entries = self._store.chat_entries()
        found = [self._of_access(access, entries) for access in accesses]
        found += [self._of_hold(hold, entries, histories) for hold in holds]
        found += [self._of_successor(each, entries) for each in custodians if each.slot != caller.slot]
        self._pending = {each.pending_id: each for each in found if each.entries}
        return [
            each
            for each in self._pending.values()
            if caller.slot not in each.answered and all(_has_share(caller, entry) for entry in each.entries)
        ]

    def find(self, caller: Custodianship, pending_id: str) -> Pending | None:
        """What `waiting` found before, if the caller may answer it."""
        pending = self._pending.get(pending_id)
        if pending is None or not all(_has_share(caller, entry) for entry in pending.entries):
            return None
        return pending

    def was_opened(self, pending_id: str) -> bool:
        """Whether two custodians answered a request since this process started."""
        return pending_id in self._opened

    def check(self, pending: Pending, envelopes: Sequence[bytes]) -> _Values | None:
        """What an answer to an access gives; None for an answer that only another custodian can open.

        Raises:
            Refusal: CUSTODY_ANSWER_INVALID.
        """
        if pending.key is None:
            if len(envelopes) != len(pending.entries):
                raise keys_domain.invalid_answer("the answer needs an envelope a share")
            return None
        if len(envelopes) != 1:
            raise keys_domain.invalid_answer("the answer is one envelope")
        try:
            answer = pending.key.open(envelopes[0], domain.answer_info(pending.pending_id))
        except EnvelopeError:
            raise keys_domain.invalid_answer("the answer is not sealed for this request") from None
        return domain.read_answer(answer, pending.asked)

    def repeats(self, pending: Pending, slot: int, values: _Values | None, envelopes: Sequence[bytes]) -> bool:
        """Whether a slot has answered just this before."""
        if values is not None:
            return pending.answers.get(slot) == values
        return pending.passed_on.get(slot) == tuple(envelopes)

    def merged(self, pending: Pending, slot: int, values: _Values) -> dict[tuple[date, Scope], list[bytearray]] | None:
        """What the answers give together with one more; None if they are still too few.

        Raises:
            Refusal: CUSTODY_ANSWER_INVALID.
        """
        answers = [*(each for other, each in pending.answers.items() if other != slot), values]
        if len(answers) < FEWEST_ANSWERS:
            return None
        slots = {entry.day: entry.custody.slots for entry in pending.entries}
        return {
            (day, scope): [
                bytearray(each) for each in keys_domain.merge([answer[day, scope] for answer in answers], slots[day])
            ]
            for day, scope in values
        }

    def open(self, pending: Pending, opened: Mapping[tuple[date, Scope], list[bytearray]]) -> None:
        """Gives the keys to the access that they were asked for, or keeps them for the hold."""
        for (day, scope), values in opened.items():
            self._keys.grant(pending.pending_id, day, scope, values)
            if pending.hold is not None:
                self._keys.wrap_for_hold(day, scope, pending.pending_id)
        if pending.hold is not None:
            self._keys.end_access(pending.pending_id)
        self._end(pending)

    def pass_on(self, pending: Pending, slot: int, envelopes: Sequence[bytes]) -> bool:
        """Keeps an answer for another custodian; with the second one, the share. Returns whether it is whole."""
        pending.passed_on[slot] = tuple(envelopes)
        successor = pending.successor
        if successor is None or len(pending.passed_on) < FEWEST_ANSWERS:
            return False
        key_id = public_key_id(successor.public_key)
        for entry, *parts in zip(pending.entries, *pending.passed_on.values(), strict=True):
            self._store.put_share(entry, successor.slot, Share(key_id, tuple(parts)))
        self._end(pending)
        return True

    def _end(self, pending: Pending) -> None:
        del self._pending[pending.pending_id]
        self._opened.add(pending.pending_id)

    def _of_access(self, access: Access, entries: Sequence[Entry]) -> Pending:
        groups = [UUID(group_id).bytes for group_id in access.scope.group_ids]
        needed: list[Entry] = []
        opens: list[list[bytes]] = []
        closed = {entry.day for entry in entries if entry.scope is None}
        covered: set[tuple[date, Scope]] = set()
        for entry in entries:
            within = access.scope.start.date() <= entry.day <= access.scope.end.date()
            own = [group for group in groups if entry.scope is None or group == entry.scope.group]
            places = {(entry.day, Scope(RecordClass.CHAT, group)) for group in own} - covered
            if not within or not places or (entry.scope is not None and entry.day in closed):
                continue
            covered |= places
            if not all(self._keys.has_granted(access.access_id, *place) for place in places):
                needed.append(entry)
                opens.append(own)
        return self._same_or_new(Pending(access.access_id, needed, opens, access=access))

    def _of_hold(self, hold: Hold, entries: Sequence[Entry], histories: Mapping[str, History]) -> Pending:
        needed: list[Entry] = []
        opens: list[list[bytes]] = []
        for entry in entries:
            if entry.scope is not None:
                continue
            scopes = [Scope.of_group(group_id) for group_id in hold.groups_on(entry.day, histories)]
            if any(self._store.hold(hold.hold_id, entry.day, scope) is None for scope in scopes):
                needed.append(entry)
                opens.append([scope.group for scope in scopes])
        return self._same_or_new(Pending(hold.hold_id, needed, opens, hold=hold))

    def _of_successor(self, successor: Custodianship, entries: Sequence[Entry]) -> Pending:
        lacking = [
            entry for entry in entries if successor.slot <= entry.custody.slots and not _has_share(successor, entry)
        ]
        return self._same_or_new(Pending(successor.custodian_id, lacking, [[] for _ in lacking], successor=successor))

    def _same_or_new(self, pending: Pending) -> Pending:
        """What was asked before, as long as it is still what is needed."""
        known = self._pending.get(pending.pending_id)
        if known is not None and (known.entries, known.opens) == (pending.entries, pending.opens):
            return known
        if pending.successor is None:
            pending.key = PrivateKey.generate()
        return pending


def _has_share(custodian: Custodianship, entry: Entry) -> bool:
    share = entry.custody.shares.get(custodian.slot)
    return share is not None and share.key_id == public_key_id(custodian.public_key)
