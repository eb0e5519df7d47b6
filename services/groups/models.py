"""All tables of the groups service, for what needs the whole schema."""

from services.groups.groups import models as groups
from services.groups.projections import models as projections
from services.groups.stewardship import models as stewardship
from services.groups.tables import GroupsTable
from services.groups.tipoffs import models as tipoffs

__all__ = ["groups", "metadata", "projections", "stewardship", "tipoffs"]

metadata = GroupsTable.metadata
