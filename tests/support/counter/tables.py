from sqlalchemy import MetaData
from sqlmodel import Field, SQLModel

from chassis.db.types import NAMING


class CounterTable(SQLModel):
    metadata = MetaData(naming_convention=NAMING)


class Counter(CounterTable, table=True):
    name: str = Field(primary_key=True)
    total: int = 0
