"""All tables of the retention service, for what needs the whole schema."""

import services.retention.access.models
import services.retention.audit.models
import services.retention.custody.models
import services.retention.holds.models
import services.retention.lifecycle.models
import services.retention.log.models
import services.retention.purges.models
import services.retention.register.models
import services.retention.segments.models  # noqa: F401 - each registers its tables
from services.retention.tables import RetentionTable

metadata = RetentionTable.metadata
