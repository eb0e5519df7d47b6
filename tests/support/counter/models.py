from sqlalchemy import MetaData
from sqlmodel import Field

from chassis.db.types import NAMING, Table


class CounterTable(Table):
    metadata = MetaData(naming_convention=NAMING)


class Counter(CounterTable, table=True):
    name: str = Field(primary_key=True)
    total: int = 0


metadata = CounterTable.metadata
