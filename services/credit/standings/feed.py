"""What the change feed says of subjects: entitlements and restrictions, never points or tiers."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache

from sqlmodel import Session

from chassis import enums
from chassis.db import Unit
from ombud.credit.v1 import standing_service_pb2 as pb
from ombud.credit.v1 import types_pb2
from policies.pack import Entitlements, Pack
from services.credit import wire
from services.credit.policies import store as policies
from services.credit.policies.domain import PolicyInForce
from services.credit.standings import store
from services.credit.standings.domain import Period, Restriction, spans_through
from services.credit.standings.store import Record
from services.credit.subjects import Subject, SubjectKind

DEFAULTS_KEY = "defaults"
# As many as a statement can ask for on every engine.
_AT_ONCE = 256


def publish(unit: Unit, subjects: Iterable[Subject]) -> None:
    """Has the feed told of each subject: all that holds of it from now on, published policies to come included."""
    for subject in sorted(set(subjects)):
        unit.tell(told, subject)


def told(session: Session, at: datetime, subjects: Sequence[Subject]) -> Iterator[tuple[str, pb.StandingChange]]:
    """The changes that tell of some subjects, in their order."""
    known = periods(policies.from_on(session, at))
    for first in range(0, len(subjects), _AT_ONCE):
        some = subjects[first : first + _AT_ONCE]
        records = store.records(session, some)
        for subject in some:
            yield change(subject, records[subject], at, known)


def change(subject: Subject, record: Record, at: datetime, known: Sequence[Period]) -> tuple[str, pb.StandingChange]:
    """The change that tells of a subject, by what is recorded of it, and its key.

    Args:
        subject: The subject.
        record: What is recorded of it.
        at: The instant from which on it is told of.
        known: The policies in force at the instant and after it.
    """
    return subject.key, pb.StandingChange(subject=_entitlements(subject, record, at, known))


def _entitlements(subject: Subject, record: Record, at: datetime, known: Sequence[Period]) -> pb.SubjectEntitlements:
    message = pb.SubjectEntitlements(
        subject=wire.subject_message(subject),
        restrictions=[restriction_message(each) for each in record.restrictions if each.end is None or at < each.end],
    )
    if subject.kind is SubjectKind.ACCOUNT:
        message.spans.extend(
            pb.EntitlementSpan(
                start_time=wire.timestamp(span.start), entitlements=entitlements_message(span.tier.entitlements)
            )
            for span in spans_through(record.entries, record.stays, at, known)
        )
    return message


def publish_defaults(unit: Unit) -> None:
    """Adds the change that says what an account with an empty ledger may do, now and under what was published."""
    current, *later = policies.from_on(unit.session, unit.now)
    defaults = pb.DefaultEntitlements(
        entitlements=default_entitlements(current.pack),
        policy=policy_message(current.pack),
        later=[
            pb.EntitlementSpan(
                start_time=wire.timestamp(policy.effective_at), entitlements=default_entitlements(policy.pack)
            )
            for policy in later
        ],
    )
    unit.change(DEFAULTS_KEY, pb.StandingChange(defaults=defaults))


def default_entitlements(pack: Pack) -> types_pb2.Entitlements:
    """The message of what an account with an empty ledger may do."""
    return entitlements_message(pack.credit.tier_of(0).entitlements)


@cache
def entitlements_message(entitlements: Entitlements) -> types_pb2.Entitlements:
    """The message of what a tier entitles to."""
    return types_pb2.Entitlements(**entitlements.model_dump())


def policy_message(pack: Pack) -> types_pb2.PolicyVersion:
    """The message that names a version of a pack."""
    return types_pb2.PolicyVersion(policy_id=pack.id, version=pack.version, content_hash=pack.content_hash)


def restriction_message(restriction: Restriction) -> types_pb2.Restriction:
    """The message of a restriction; a stay shows while the appeal is undecided."""
    return types_pb2.Restriction(
        sanction_id=restriction.sanction_id,
        kind=enums.number(types_pb2.MeasureKind, restriction.kind),
        start_time=wire.timestamp(restriction.start),
        end_time=wire.timestamp(restriction.end),
        stayed_from_time=wire.timestamp(restriction.stay.open_from) if restriction.stay else None,
    )


def periods(in_force: Sequence[PolicyInForce]) -> list[Period]:
    """When each policy decides on tiers."""
    return [Period(policy.effective_at, policy.pack.credit) for policy in in_force]
