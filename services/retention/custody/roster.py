"""The roster: whom secrets are shared with when a day closes."""

from pathlib import Path

from chassis.db import Database, Unit
from chassis.ids import new_id
from services.retention.custody import store
from services.retention.custody.domain import Custodianship, EventKind, State
from services.retention.custody.register import registered
from services.retention.keys.envelope import PUBLIC_KEY_BYTES
from services.retention.keys.keys import Custodian, Keys

_FIRST, _SECOND = "installation", "configuration"


class Roster:
    """Tells the keys who the custodians are.

    Args:
        database: Where they are registered.
        keys: Shares secrets with them.
        first: A folder of public keys, `<slot>.pub`, of those who hold a slot until somebody is registered for it; none
            if None.
    """

    def __init__(self, database: Database, keys: Keys, first: Path | None) -> None:
        self._database = database
        self._keys = keys
        self._first = first

    async def open(self) -> None:
        """Enters the first custodians where slots are vacant, and loads the roster."""
        if self._first is not None:
            folder = self._first
            await self._database.work("first custodians", lambda unit: _enter(unit, folder, self._keys.slots))
        await self.load()

    async def load(self) -> None:
        """Takes over who the custodians are now."""
        active = await self._database.read(store.active)
        self._keys.custodians = {each.slot: Custodian(each.slot, each.staff_id, each.public_key) for each in active}


def _enter(unit: Unit, folder: Path, slots: int) -> None:
    held = {each.slot for each in store.active(unit.session)}
    for slot in range(1, slots + 1):
        path = folder / f"{slot}.pub"
        if slot in held or not path.exists():
            continue
        public_key = path.read_bytes()
        if len(public_key) != PUBLIC_KEY_BYTES:
            message = f"{path.name}: not a public key of {PUBLIC_KEY_BYTES} bytes"
            raise ValueError(message)
        custodian = Custodianship(
            custodian_id=new_id(),
            slot=slot,
            staff_id=f"custodian-{slot}",
            public_key=public_key,
            proposer=_FIRST,
            propose_time=unit.now,
            state=State.ACTIVE,
            approver=_SECOND,
            approve_time=unit.now,
        )
        store.save(unit.session, custodian)
        registered(unit, EventKind.APPROVED, custodian=custodian)
