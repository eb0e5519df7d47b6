"""All tables of the identity service, for what needs the whole schema."""

import services.identity.accounts.models
import services.identity.accreditations.models
import services.identity.agreements.models
import services.identity.vault.models
import services.identity.verifications.models  # noqa: F401 - each registers its tables
from services.identity.tables import IdentityTable

metadata = IdentityTable.metadata
