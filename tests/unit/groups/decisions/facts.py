"""Facts for tests of decisions."""

from datetime import UTC, datetime, timedelta

from services.groups.decisions.domain import (
    Account,
    Entitlements,
    Group,
    Measure,
    Restriction,
    Role,
    Situation,
    Standing,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = Entitlements(
    may_create_group=True, most_groups_owned=3, most_groups_joined=10, group_class="large", most_group_members=50
)
NONE = Entitlements(
    may_create_group=False, most_groups_owned=0, most_groups_joined=0, group_class="none", most_group_members=0
)
VERIFIED = Account(level=2, verified_until=NOW + 24 * HOUR)
UNVERIFIED = Account(level=0)
OPEN_GROUP = Group(most_members=50, member_count=2, open_to_readers=True)
GROUP = Group(most_members=50, member_count=2)


def restriction(measure: Measure, **fields: datetime | None) -> Restriction:
    return Restriction("sanction-1", measure, fields.pop("start", NOW) or NOW, **fields)


def standing(*restrictions: Restriction, entitlements: Entitlements = GOOD) -> Standing:
    return Standing(spans=((NOW - HOUR, entitlements),), restrictions=restrictions)


GOOD_STANDING = standing()


def situation(
    *,
    account: Account | None = VERIFIED,
    account_standing: Standing | None = GOOD_STANDING,
    group: Group | None = GROUP,
    role: Role | None = Role.MEMBER,
    owned: int = 0,
    joined: int = 1,
) -> Situation:
    return Situation(
        account_id="account-1",
        account=account,
        standing=account_standing,
        owned=owned,
        joined=joined,
        group_id="group-1",
        group=group,
        role=role,
    )
