"""All tables of the credit service, for its migrations."""

import services.credit.appeals.models
import services.credit.blacklist.models
import services.credit.notices.models
import services.credit.policies.models
import services.credit.quality.models
import services.credit.referrals.models
import services.credit.sanctions.models
import services.credit.standings.models  # noqa: F401 - each registers its tables
from services.credit.tables import CreditTable

metadata = CreditTable.metadata
