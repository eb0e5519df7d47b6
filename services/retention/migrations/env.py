"""Alembic's environment for the retention service."""

import services.retention.access.models
import services.retention.audit.models
import services.retention.custody.models
import services.retention.holds.models
import services.retention.lifecycle.models
import services.retention.log.models
import services.retention.purges.models
import services.retention.register.models
import services.retention.segments.models  # noqa: F401 - each adds its tables to the metadata
from chassis.db import migrate
from services.retention.tables import RetentionTable

migrate.run(RetentionTable.metadata)
