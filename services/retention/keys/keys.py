"""The keys of the service: what a record is encrypted under, and what reads it again.

Secrets are read from the key store for each use and wiped after it: this process keeps none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from chassis.refusal import ErrorReason, Refusal
from services.retention.keys import domain
from services.retention.keys.domain import FEWEST_ANSWERS, Buffer, Scope
from services.retention.keys.envelope import public_key_id, seal
from services.retention.keys.store import Custody, KeyStore, Share
from services.retention.log.leaves import RecordClass

_VALUE = 1 + domain.KEY_BYTES


@dataclass(frozen=True, slots=True)
class Custodian:
    """Who holds a slot's share.

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

    Chat days are closed into custody. Audit days are not: the trail has to stay searchable, so the service itself keeps
    their secrets up to their ceiling.

    Args:
        store: Where secrets and shares are.
        slots: How many custodians a new day's secret is made for.
        custodians: Who the custodians are now, by slot.
    """

    def __init__(self, store: KeyStore, slots: int, custodians: Callable[[], Mapping[int, Custodian]]) -> None:
        self._store = store
        self._slots = slots
        self._custodians = custodians
        self._granted: dict[str, dict[tuple[date, Scope], bytearray]] = {}

    def current(self, record_class: RecordClass, day: date) -> bytes:
        """The id of the secret that a day's records are encrypted under; made if the day has none.

        Raises:
            Refusal: CUSTODIANS_REQUIRED, if the day is closed already.
        """
        if self._store.custody(record_class, day) is not None:
            raise domain.custodians_required(day)
        parts = self._store.parts(record_class, day)
        if parts is None:
            self._store.create(record_class, day, self._slots)
            parts = self._store.parts(record_class, day) or []
        return _using(parts, domain.key_id)

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
        if access_id is not None and (key := self._granted.get(access_id, {}).get((day, scope))) is not None:
            return bytearray(key)
        if self._store.custody(scope.record_class, day) is None and not self._store.holds(day, scope):
            raise domain.keys_destroyed(day)
        raise domain.custodians_required(day)

    def destroy_day(self, record_class: RecordClass, day: date) -> None:
        """Destroys the keys of a class's day; scopes that holds keep stay readable with custodians' answers."""
        self._store.destroy_day(record_class, day)

    def wrap_for_hold(self, day: date, scope: Scope, hold_id: str) -> None:
        """Keeps a scope's key for a hold, in custody too, so that it outlives the day's. Again has no effect.

        Raises:
            Refusal: CUSTODIANS_REQUIRED, if the day is closed and custodians have not answered for the hold;
                CUSTODIANS_MISSING; KEYS_DESTROYED.
        """
        if self._store.hold(hold_id, day, scope) is not None:
            return
        parts = self._store.parts(scope.record_class, day)
        if parts is None:
            raise domain.custodians_required(day)
        values = _using(parts, lambda each: [domain.value(part, scope.info) for part in each])
        key_id = bytes(domain.combine(values)[:0]) or self.current(scope.record_class, day)
        self._store.put_hold(hold_id, day, scope, self._share(key_id, values, hold_info(day, scope)))
        for each in values:
            domain.wipe(each)
