"""What identity and credit say, as facts for decisions."""

from datetime import UTC, datetime

from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import standing_service_pb2 as credit
from ombud.credit.v1 import types_pb2 as credit_types
from ombud.identity.v1 import account_service_pb2 as identity
from services.groups.decisions import domain
from services.groups.wire import instant

_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


def account(message: identity.Account) -> domain.Account:
    """The account's facts. A level that the service does not know counts as unverified."""
    return domain.Account(
        level=max(message.level - identity.LEVEL_L0, 0),
        verified_until=instant(message.verified_until) if message.HasField("verified_until") else None,
        grace_end=instant(message.grace_end_time) if message.HasField("grace_end_time") else None,
    )


def standing(message: credit.SubjectEntitlements) -> domain.Standing:
    """The standing of an account or a group."""
    return domain.Standing(
        spans=tuple((instant(span.start_time), entitlements(span.entitlements)) for span in message.spans),
        restrictions=tuple(restriction(each) for each in message.restrictions),
    )


def default_standing(message: credit.DefaultEntitlements) -> domain.Standing:
    """The standing of every account of which credit has said nothing else, under policies to come included."""
    later = ((instant(span.start_time), entitlements(span.entitlements)) for span in message.later)
    return domain.Standing(spans=((_ALWAYS, entitlements(message.entitlements)), *later))


def entitlements(message: credit_types.Entitlements) -> domain.Entitlements:
    """What a standing gives."""
    return domain.Entitlements(
        may_create_group=message.may_create_group,
        most_groups_owned=message.most_groups_owned,
        most_groups_joined=message.most_groups_joined,
        group_class=message.group_class,
        most_group_members=message.most_group_members,
    )


def restriction(message: credit_types.Restriction) -> domain.Restriction:
    """A measure of a sanction."""
    return domain.Restriction(
        sanction_id=message.sanction_id,
        measure=domain.Measure(credit_types.MeasureKind.Name(message.kind).removeprefix("MEASURE_KIND_")),
        start=instant(message.start_time),
        end=instant(message.end_time) if message.HasField("end_time") else None,
        stayed_from=instant(message.stayed_from_time) if message.HasField("stayed_from_time") else None,
    )


def subject_key(subject: Subject) -> str:
    """Under which the standing of a subject is kept: "account/<id>" or "group/<id>"."""
    return f"account/{subject.account_id}" if subject.account_id else f"group/{subject.group_id}"
