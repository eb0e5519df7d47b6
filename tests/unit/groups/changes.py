"""What identity, credit and the groups themselves tell, as messages."""

from collections.abc import Sequence
from datetime import datetime

from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1.standing_service_pb2 import DefaultEntitlements, EntitlementSpan, SubjectEntitlements
from ombud.credit.v1.types_pb2 import Entitlements, MeasureKind, Restriction
from ombud.identity.v1.account_service_pb2 import LEVEL_L0, LEVEL_L1, Account
from services.groups.wire import timestamp

GOOD = Entitlements(
    may_create_group=True, most_groups_owned=2, most_groups_joined=4, group_class="large", most_group_members=5
)


def account(account_id: str, *, verified_until: datetime | None = None, grace_end: datetime | None = None) -> Account:
    return Account(
        account_id=account_id,
        nickname="somebody",
        level=LEVEL_L1 if verified_until else LEVEL_L0,
        verified_until=timestamp(verified_until),
        legacy=grace_end is not None,
        grace_end_time=timestamp(grace_end),
    )


def restriction(
    measure: str,
    start: datetime,
    *,
    end: datetime | None = None,
    stayed_from: datetime | None = None,
    sanction_id: str = "sanction-1",
) -> Restriction:
    return Restriction(
        sanction_id=sanction_id,
        kind=MeasureKind.Value(f"MEASURE_KIND_{measure}"),
        start_time=timestamp(start),
        end_time=timestamp(end),
        stayed_from_time=timestamp(stayed_from),
    )


def standing(
    subject: Subject, at: datetime, *restrictions: Restriction, spans: Sequence[tuple[datetime, Entitlements]] = ()
) -> SubjectEntitlements:
    given = spans or ([(at, GOOD)] if subject.account_id else [])
    return SubjectEntitlements(
        subject=subject,
        spans=[
            EntitlementSpan(start_time=timestamp(start), entitlements=entitlements) for start, entitlements in given
        ],
        restrictions=restrictions,
    )


def default(entitlements: Entitlements = GOOD) -> DefaultEntitlements:
    return DefaultEntitlements(entitlements=entitlements)
