from chassis.db.migrate import run
from tests.support.counter.tables import CounterTable

run(CounterTable.metadata)
