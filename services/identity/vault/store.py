"""The vault: seals values holder by holder, and opens them for the service's own rules. No RPC gives one out."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import Session, col, delete, select

from chassis.ids import new_id
from chassis.redacted import Redacted
from services.identity.vault import domain
from services.identity.vault.domain import CellField, DataKey, Place
from services.identity.vault.keys import KeyService
from services.identity.vault.models import CellRow, DataKeyRow

_CELLS = insert(CellRow)


class Vault:
    """Cells under a fresh key for each holder, which the key service wraps."""

    def __init__(self, keys: KeyService) -> None:
        self._keys = keys

    def put(
        self,
        session: Session,
        account_id: str,
        verification_id: str,
        values: Mapping[CellField, Redacted[str]],
        *,
        at: datetime,
    ) -> None:
        """Seals what came with a verification, in place of what came with it before."""
        self.erase(session, [verification_id])
        data_key = self._data_key(session, account_id, at)
        whose = {"verification_id": verification_id, "account_id": account_id}
        cells = [
            whose | {"field": field, "sealed": domain.seal(data_key, Place(account_id, verification_id, field), value)}
            for field, value in values.items()
        ]
        # Rows, not objects of the table's class: those cost several times what the database does.
        session.connection().execute(_CELLS, cells)

    def open(self, session: Session, verification_id: str) -> dict[CellField, Redacted[str]]:
        """What came with a verification, for the service's own rules.

        Raises:
            CellBroken: A cell is not where it was sealed.
        """
        rows = session.exec(select(CellRow).where(col(CellRow.verification_id) == verification_id)).all()
        if not rows:
            return {}
        key_row = session.get_one(DataKeyRow, rows[0].account_id)
        context = _context(key_row.account_id, key_row.key_id)
        data_key = DataKey(key_row.key_id, Redacted(self._keys.unwrap(key_row.wrapped, context)))
        places = ((row, Place(row.account_id, row.verification_id, CellField(row.field))) for row in rows)
        return {place.field: domain.unseal(data_key, place, row.sealed) for row, place in places}

    def erase(self, session: Session, verification_ids: list[str]) -> None:
        """Deletes what came with these verifications."""
        if verification_ids:
            session.exec(delete(CellRow).where(col(CellRow.verification_id).in_(verification_ids)))

    def _data_key(self, session: Session, account_id: str, at: datetime) -> DataKey:
        row = session.get(DataKeyRow, account_id)
        if row is not None:
            return DataKey(row.key_id, Redacted(self._keys.unwrap(row.wrapped, _context(account_id, row.key_id))))
        data_key = domain.new_data_key(new_id())
        wrapped = self._keys.wrap(data_key.key.reveal(), _context(account_id, data_key.key_id))
        session.add(DataKeyRow(account_id=account_id, key_id=data_key.key_id, wrapped=wrapped, create_time=at))
        return data_key


def _context(account_id: str, key_id: str) -> bytes:
    return domain.length_prefixed((account_id.encode(), UUID(key_id).bytes))
