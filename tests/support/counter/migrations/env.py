from chassis.db.revisions import enter
from tests.support.counter.models import metadata

enter(metadata)
