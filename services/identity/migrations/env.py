"""Alembic's environment for the identity service."""

import services.identity.accounts.models
import services.identity.accreditations.models
import services.identity.agreements.models
import services.identity.vault.models
import services.identity.verifications.models  # noqa: F401 - each adds its tables to the metadata
from chassis.db import migrate
from services.identity.tables import IdentityTable

migrate.run(IdentityTable.metadata)
