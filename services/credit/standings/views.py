"""What there is to see of a subject at an instant: read once, then shown in messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from chassis import enums
from chassis.instants import timestamp
from ombud.credit.v1 import standing_service_pb2 as pb
from ombud.credit.v1 import types_pb2
from policies.pack import Pack
from services.credit import wire
from services.credit.policies import store as policies
from services.credit.policies.domain import PolicyInForce
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.domain import PinnedRule, Sanction
from services.credit.standings import domain, remedies, store
from services.credit.standings.domain import LedgerEntry, PointsEntry, ReliefEntry, Restriction, Span, Stays
from services.credit.standings.feed import entitlements_message, periods, policy_message, restriction_message
from services.credit.standings.history import ExpiryEntry, history, key_of
from services.credit.standings.remedies import Remedy
from services.credit.subjects import Subject, SubjectKind


@dataclass(frozen=True)
class View:
    """A ledger and all that standing depends on beside it."""

    subject: Subject
    at: datetime
    policies: tuple[PolicyInForce, ...]
    entries: tuple[LedgerEntry, ...]
    stays: Stays
    restrictions: tuple[Restriction, ...]

    @property
    def pack(self) -> Pack:
        """The pack that is in force at the instant, or that was asked for."""
        return self.policies[0].pack

    @property
    def spans(self) -> list[Span]:
        """The tiers from the instant on, under policies to come included; none for a group."""
        if self.subject.kind is SubjectKind.GROUP:
            return []
        return domain.spans_through(self.entries, self.stays, self.at, periods(self.policies))

    def without(self, sanction_ids: Iterable[str]) -> "View":
        """The view as if these sanctions had never been."""
        fallen = set(sanction_ids)
        return replace(
            self,
            entries=tuple(entry for entry in self.entries if entry.sanction_id not in fallen),
            restrictions=tuple(each for each in self.restrictions if each.sanction_id not in fallen),
        )

    def with_points(self, entries: Iterable[PointsEntry]) -> "View":
        """The view with further points."""
        return replace(self, entries=(*self.entries, *entries))

    def with_remedy(self, remedy: Remedy, *, entry_id: str, at: datetime) -> "View":
        """The view with a remedy that is completed at an instant.

        Raises:
            Refusal: REMEDY_REFUSED.
        """
        entry = remedies.record(remedy, self.entries, self.pack.credit.remedies, entry_id=entry_id, at=at)
        return replace(self, entries=(*self.entries, entry))


def view(session: Session, subject: Subject, at: datetime, *, policy_hash: str = "") -> View:
    """What is stored of a subject, to be judged at an instant by the policy in force then, or by a published one.

    Raises:
        Refusal: POLICY_NOT_IN_FORCE or NOT_FOUND.
    """
    known = [policies.with_hash(session, policy_hash)] if policy_hash else policies.from_on(session, at)
    record = store.records(session, [subject])[subject]
    return View(
        subject=subject,
        at=at,
        policies=tuple(known),
        entries=tuple(record.entries),
        stays=record.stays,
        restrictions=tuple(record.restrictions),
    )


def standing_message(view: View) -> pb.Standing:
    """The standing at the instant of the view."""
    steps, spans = domain.steps(view.entries, view.stays, view.at), view.spans
    return pb.Standing(
        subject=wire.subject_message(view.subject),
        time=wire.timestamp(view.at),
        active_points=steps[0].points,
        tier=spans[0].tier.name if spans else "",
        entitlements=entitlements_message(spans[0].tier.entitlements) if spans else None,
        restrictions=[restriction_message(each) for each in view.restrictions if each.holds(view.at)],
        next_change_time=wire.timestamp(steps[1].start) if len(steps) > 1 else None,
        policy=policy_message(view.pack),
    )


def step_messages(view: View) -> list[pb.StandingStep]:
    """How points and tier change by time alone from the instant of the view on."""
    spans = view.spans
    return [
        pb.StandingStep(
            start_time=wire.timestamp(step.start),
            active_points=step.points,
            tier=next((span.tier.name for span in reversed(spans) if span.start <= step.start), ""),
        )
        for step in domain.steps(view.entries, view.stays, view.at)
    ]


def explanation(session: Session, view: View) -> pb.ExplainStandingResponse:
    """The standing at the instant of the view, with what counts and what gives it back."""
    counting = domain.counting(view.entries, view.stays, view.at)
    points = [entry for entry in counting if isinstance(entry, PointsEntry)]
    founding = {each.sanction_id: each for each in sanctions.get_all(session, [entry.sanction_id for entry in points])}
    appealed = store.appealed(session, founding)
    return pb.ExplainStandingResponse(
        standing=standing_message(view),
        entries=[entry_message(entry) for entry in counting],
        steps=step_messages(view),
        restorations=[
            _restoration(view, entry, founding[entry.sanction_id], appealed=entry.sanction_id in appealed)
            for entry in points
        ],
        expiries=_expiries(view, points, {each.sanction_id: each.statement.rule for each in founding.values()}),
    )


Keyed = tuple[str, pb.LedgerEntry]
"""An entry, and the key that it is in the order of."""


def page(session: Session, subject: Subject, at: datetime, *, after: str, size: int) -> list[Keyed]:
    """Entries of a ledger, expiries up to an instant among them, in their order.

    Args:
        session: The database.
        subject: Whose ledger.
        at: The present instant.
        after: Those after this key.
        size: So many at most.
    """
    listed = [(key_of(entry), entry) for entry in history(store.entries(session, subject), at)]
    shown = [(key, entry) for key, entry in listed if key > after][:size]
    rules = sanctions.rules_of(
        session, [entry.expired.sanction_id for _, entry in shown if isinstance(entry, ExpiryEntry)]
    )
    return [
        (key, expiry_message(entry, rules) if isinstance(entry, ExpiryEntry) else entry_message(entry))
        for key, entry in shown
    ]


def expiry_message(expiry: ExpiryEntry, rules: Mapping[str, PinnedRule]) -> pb.LedgerEntry:
    """The message of an expiry, with the rule that sets the term.

    Args:
        expiry: The expiry.
        rules: By sanction id the rules that sanctions rest on.
    """
    expired, rule = expiry.expired, rules[expiry.expired.sanction_id]
    return pb.LedgerEntry(
        kind=pb.LEDGER_ENTRY_KIND_EXPIRY,
        subject=wire.subject_message(expired.subject),
        sanction_id=expired.sanction_id,
        points=expiry.points,
        start_time=wire.timestamp(expired.end),
        record_time=wire.timestamp(expired.end),
        expired_entry_id=expired.entry_id,
        rule_id=rule.rule_id,
        policy=types_pb2.PolicyVersion(
            policy_id=rule.policy_id, version=rule.policy_version, content_hash=rule.policy_hash
        ),
    )


def entry_message(entry: LedgerEntry) -> pb.LedgerEntry:
    """The message of an entry that was written."""
    message = pb.LedgerEntry(
        entry_id=entry.entry_id,
        subject=wire.subject_message(entry.subject),
        sanction_id=entry.sanction_id,
        record_time=wire.timestamp(entry.recorded_at),
    )
    match entry:
        case PointsEntry():
            message.kind = pb.LEDGER_ENTRY_KIND_POINTS
            message.points = entry.points
            message.start_time.CopyFrom(timestamp(entry.start))
            message.end_time.CopyFrom(timestamp(entry.end))
        case ReliefEntry():
            message.kind = enums.number(pb.LedgerEntryKind, entry.kind)
            message.points = entry.points
            message.start_time.CopyFrom(timestamp(entry.recorded_at))
            message.end_time.CopyFrom(timestamp(entry.end))
            message.relieved_entry_id = entry.relieved_entry_id
        case _:
            message.kind = pb.LEDGER_ENTRY_KIND_OVERTURN
            message.overturned_entry_id = entry.overturned_entry_id
            message.appeal_id = entry.appeal_id
    return message


def _expiries(view: View, points: Iterable[PointsEntry], rules: Mapping[str, PinnedRule]) -> list[pb.LedgerEntry]:
    """How what is left of some points will expire, the first one first."""
    expiries = [ExpiryEntry(entry, domain.points_left(view.entries, entry, view.at)) for entry in points]
    return [expiry_message(each, rules) for each in sorted(expiries, key=key_of) if each.points]


def _restoration(view: View, entry: PointsEntry, sanction: Sanction, *, appealed: bool) -> pb.Restoration:
    open_window = sanction.appeal_end is not None and view.at < sanction.appeal_end and not appealed
    return pb.Restoration(
        sanction_id=entry.sanction_id,
        points_left=domain.points_left(view.entries, entry, view.at),
        end_time=wire.timestamp(entry.end),
        how_to_restore=sanction.statement.how_to_restore,
        appeal_end_time=wire.timestamp(sanction.appeal_end) if open_window else None,
        remedies=[
            pb.RemedyOffer(kind=enums.number(pb.RemedyKind, offer.kind), points=offer.points)
            for offer in remedies.offers(entry, view.entries, view.pack.credit.remedies, view.at)
        ],
    )
