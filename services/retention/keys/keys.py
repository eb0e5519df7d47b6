"""The keys of the service: what a record is encrypted under, and what reads it again.

Secrets are read from the key store for each use and wiped after it: this process keeps none. What custodians' answers
opened it keeps in memory alone, until the access ends.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from services.retention.keys import domain
from services.retention.keys.domain import FEWEST_ANSWERS, Buffer, Scope, wipe
from services.retention.keys.envelope import public_key_id, seal
from services.retention.keys.store import Custody, KeyStore, Share
from services.retention.log.leaves import RecordClass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Custodian:
    """Who holds the share of a slot.

    Attributes:
        slot: From 1.
        staff_id: Who they are.
        public_key: What their shares are sealed to.
    """

    slot: int
    staff_id: str
    public_key: bytes


class Keys:
    """Makes, derives and destroys keys.

    Chat days go into custody when they close. Audit days do not: the trail has to stay searchable, so the service keeps
    their secrets itself, up to their ceiling.

    Args:
        store: Where secrets and shares are.
        slots: For how many custodians a new day's secret is made.
    """

    def __init__(self, store: KeyStore, slots: int) -> None:
        self._store = store
        self.slots = slots
        self._granted: dict[str, dict[tuple[date, Scope], list[bytearray]]] = {}
        self.custodians: Mapping[int, Custodian] = {}

    def current(self, record_class: RecordClass, day: date) -> bytes:
        """The id of the secret that a day's records are encrypted under; made if the day has none.

        Raises:
            Refusal: CUSTODIANS_REQUIRED, if the day is closed.
        """
        if self._store.custody(record_class, day) is not None:
            raise domain.custodians_required(day)
        parts = self._store.parts(record_class, day)
        if parts is None:
            parts = self._store.create(record_class, day, self.slots)
        return _using(parts, domain.key_id)

    def key_id(self, record_class: RecordClass, day: date) -> bytes | None:
        """The id of a day's secret, open or in custody; None if there is none.

        Raises:
            DamagedError: The file that it is in can not be read.
        """
        if (custody := self._store.custody(record_class, day)) is not None:
            return custody.key_id
        parts = self._store.parts(record_class, day)
        return None if parts is None else _using(parts, domain.key_id)

    def scope_key(self, day: date, scope: Scope, *, access_id: str | None = None) -> bytearray:
        """The key of a scope on a day: 32 bytes, to be wiped after use.

        Args:
            day: The UTC day on which the records were received.
            scope: What is to be read.
            access_id: The access, or the hold, that custodians answered for.

        Raises:
            Refusal: CUSTODIANS_REQUIRED or KEYS_DESTROYED.
        """
        if (parts := self._store.parts(scope.record_class, day)) is not None:
            return _using(parts, lambda each: domain.derive(each, scope.info))
        granted = self._granted.get(access_id or "", {})
        if (values := granted.get((day, scope))) is not None:
            return domain.combine(values)
        if self._store.custody(scope.record_class, day) is None and not self._store.holds(day, scope):
            raise domain.keys_destroyed(day)
        raise domain.custodians_required(day)

    def journal_key(self, day: date, file_id: bytes) -> bytearray:
        """The key of a write-ahead file of a chat day: 32 bytes, to be wiped after use.

        Raises:
            Refusal: CUSTODIANS_REQUIRED or KEYS_DESTROYED.
        """
        parts = self._store.parts(RecordClass.CHAT, day)
        if parts is None:
            closed = self._store.custody(RecordClass.CHAT, day) is not None
            raise domain.custodians_required(day) if closed else domain.keys_destroyed(day)
        return _using(parts, lambda each: domain.derive(each, domain.journal_info(file_id)))

    def close_day(self, day: date) -> None:
        """Puts a chat day's secret into custody and wipes it. Again has no effect.

        Raises:
            Refusal: CUSTODIANS_MISSING; the day stays open.
        """
        parts = self._store.parts(RecordClass.CHAT, day)
        if parts is None:
            # The shares are durable: what a closing that was cut off has left of the secret is nothing to share again.
            self._store.wipe_secret(RecordClass.CHAT, day)
            return
        info = domain.share_info(RecordClass.CHAT, day)
        custody = _using(parts, lambda each: self._shares(domain.key_id(each), each, info))
        self._store.put_custody(RecordClass.CHAT, day, custody)

    def destroy_day(self, day: date, record_class: RecordClass = RecordClass.CHAT) -> None:
        """Destroys the keys of a class's day. Scopes that holds keep stay readable, with custodians' answers."""
        self._store.destroy_day(record_class, day)
        for granted in self._granted.values():
            for place in [each for each in granted if each[0] == day and each[1].record_class is record_class]:
                _wipe_all(granted.pop(place))

    def wrap_for_hold(self, day: date, scope: Scope, hold_id: str) -> None:
        """Keeps a scope's key for a hold, in custody too, so that it outlives the day's. Again has no effect.

        Raises:
            Refusal: CUSTODIANS_REQUIRED, if the day is closed and custodians have not answered for the hold;
                CUSTODIANS_MISSING; KEYS_DESTROYED.
        """
        if self._store.hold(hold_id, day, scope) is not None:
            return
        if (parts := self._store.parts(scope.record_class, day)) is not None:
            key_id, values = _using(
                parts, lambda each: (domain.key_id(each), [domain.value(part, scope.info) for part in each])
            )
        else:
            values = self._granted.get(hold_id, {}).pop((day, scope), [])
            custody = self._store.custody(scope.record_class, day)
            if not values:
                raise domain.custodians_required(day) if custody else domain.keys_destroyed(day)
            key_id = custody.key_id if custody else b""
        info = domain.hold_info(day, scope)
        self._store.put_hold(hold_id, day, scope, _using(values, lambda each: self._shares(key_id, each, info)))

    def keep_held(self, day: date, kept: Mapping[str, Collection[Scope]]) -> None:
        """Destroys the keys that holds have of a day beyond what they keep.

        Args:
            day: The day.
            kept: By hold, the scopes that it keeps. Holds that are not named keep what they have.
        """
        for entry in self._store.chat_entries():
            scopes = kept.get(entry.hold_id or "")
            if entry.day == day and scopes is not None and entry.scope not in scopes:
                self._store.destroy_held(entry)

    def release_hold(self, hold_id: str) -> None:
        """Destroys the keys that a hold keeps."""
        self._store.destroy_hold(hold_id)
        self.end_access(hold_id)

    def grant(self, access_id: str, day: date, scope: Scope, values: list[bytearray]) -> None:
        """Keeps what custodians' answers opened, until `end_access`."""
        self._granted.setdefault(access_id, {})[day, scope] = values

    def check_granted(self, scopes: Sequence[Scope], first: date, last: date, access_id: str) -> None:
        """Returns if custodians' answers opened scopes for an access wherever they are in custody, from a day to a day.

        That is on closed days, and on days that are destroyed but for what holds keep of them.

        Raises:
            Refusal: CUSTODIANS_REQUIRED.
        """
        closed = set(self._store.days(RecordClass.CHAT, open_=False))
        open_ = set(self._store.days(RecordClass.CHAT, open_=True))
        for scope in scopes:
            for day in sorted(closed | self._store.held_days(scope) - open_):
                if first <= day <= last and not self.has_granted(access_id, day, scope):
                    raise domain.custodians_required(day)

    @property
    def granted(self) -> list[str]:
        """The accesses and holds that custodians' answers opened something for."""
        return list(self._granted)

    def has_granted(self, access_id: str, day: date, scope: Scope) -> bool:
        """Whether custodians' answers opened a scope for an access or a hold."""
        return (day, scope) in self._granted.get(access_id, {})

    def end_access(self, access_id: str) -> None:
        """Wipes what was opened for an access or a hold."""
        for values in self._granted.pop(access_id, {}).values():
            _wipe_all(values)

    def _shares(self, key_id: bytes, values: Sequence[Buffer], info: bytes) -> Custody:
        """A share for each custodian whose slot the values have."""
        holders = [each for each in self.custodians.values() if each.slot <= len(values)]
        if len(holders) < FEWEST_ANSWERS:
            raise domain.custodians_missing(len(holders))
        shares: dict[int, Share] = {}
        for holder in holders:
            share = domain.pack(domain.share(values, holder.slot))
            envelope = seal(share, holder.public_key, info)
            wipe(share)
            shares[holder.slot] = Share(public_key_id(holder.public_key), (envelope,))
        return Custody(key_id, len(values), shares)


def _using(secrets: list[bytearray], use: Callable[[list[bytearray]], T]) -> T:
    """Uses secrets, then wipes them."""
    try:
        return use(secrets)
    finally:
        _wipe_all(secrets)


def _wipe_all(secrets: list[bytearray]) -> None:
    for secret in secrets:
        wipe(secret)
