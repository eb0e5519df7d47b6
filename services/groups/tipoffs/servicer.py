"""TipOffService: what reporters and the desk say to each other."""

from datetime import timedelta
from typing import Any

from grpc.aio import ServicerContext
from sqlmodel import Session

from chassis.auth.caller import Person
from chassis.call import current_call
from chassis.db import Database, Unit
from chassis.ids import new_id
from chassis.pages import Pages
from chassis.redacted import Redacted
from chassis.refusal import Refusal
from ombud.common.v1.types_pb2 import Subject
from ombud.groups.v1 import tipoff_service_pb2 as contract
from ombud.groups.v1 import tipoff_service_pb2_grpc
from policies.schedule import Schedule
from services.groups.groups import domain as groups_domain
from services.groups.groups import store as groups
from services.groups.projections import store as projections
from services.groups.tipoffs import domain, store, wire
from services.groups.tipoffs.sealing import Field, Sealing
from services.groups.tipoffs.tracking import Tracking
from services.groups.wire import instant, of_account, of_group, timestamp

Context = ServicerContext[Any, Any]

_HASH_BYTES = 32


class TipOffServicer(tipoff_service_pb2_grpc.TipOffServiceServicer):
    """Takes tip-offs, and carries what the desk makes of them back to their reporters.

    Args:
        database: Where they are kept.
        pages: Makes page tokens.
        schedule: Says how soon an answer is due, and how long it can be contested.
        tracking: Makes tracking codes.
        sealing: Encrypts what people write.
        intake: How many are taken in.
    """

    def __init__(
        self,
        database: Database,
        pages: Pages,
        schedule: Schedule,
        tracking: Tracking,
        sealing: Sealing,
        *,
        intake: domain.Intake,
    ) -> None:
        self._database = database
        self._pages = pages
        self._schedule = schedule
        self._tracking = tracking
        self._sealing = sealing
        self._intake = intake

    async def SubmitTipOff(
        self, request: contract.SubmitTipOffRequest, _context: Context
    ) -> contract.SubmitTipOffResponse:
        """Takes a tip-off."""

        def command(unit: Unit) -> contract.SubmitTipOffResponse:
            target, reporter = _target(unit.session, request.target), unit.call.caller.person
            self._check_intake(unit, target)
            tip_off = domain.TipOff(
                tip_off_id=new_id(),
                reference_number=store.unused_reference(unit.session, unit.now.year),
                target=target,
                category=wire.category(request.category),
                urgent=request.urgent,
                receive_time=unit.now,
                due_time=unit.now + self._reply_within(unit),
                source=domain.source_of(reporter.roles if reporter else ()),
            )
            tracking_hash = self._tracking.hash(self._tracking.code(tip_off.reference_number))
            store.add(unit.session, tip_off, self._sealed(tip_off.tip_off_id, request), tracking_hash)
            self._audit(unit, tip_off, "submitted", category=tip_off.category)
            # Without the tracking code: this answer is stored for a repeat of the call, and the code must not be.
            return contract.SubmitTipOffResponse(
                reference_number=tip_off.reference_number,
                receive_time=timestamp(tip_off.receive_time),
                due_time=timestamp(tip_off.due_time),
            )

        response = await self._database.write(command)
        response.tracking_code = self._tracking.code(response.reference_number).reveal()
        return response

    async def GetTipOffByTrackingCode(
        self, request: contract.GetTipOffByTrackingCodeRequest, _context: Context
    ) -> contract.GetTipOffByTrackingCodeResponse:
        """Shows a reporter what became of a tip-off."""
        tracking_hash = self._tracking.hash(Redacted(request.tracking_code))
        found = await self._database.read(lambda session: store.find_by_tracking(session, tracking_hash))
        if found is None:
            raise Refusal.not_found("tip-off", "")
        tip_off, texts = found
        return contract.GetTipOffByTrackingCodeResponse(
            tip_off=wire.for_reporter(tip_off, self._database.clock.now()),
            reply=self._text(tip_off, Field.REPLY, texts.reply),
            contest_reply=self._text(tip_off, Field.CONTEST_REPLY, texts.contest_reply),
        )

    async def ContestTipOff(
        self, request: contract.ContestTipOffRequest, _context: Context
    ) -> contract.ContestTipOffResponse:
        """Takes a reporter's contest."""
        tracking_hash = self._tracking.hash(Redacted(request.tracking_code))

        def command(unit: Unit) -> contract.ContestTipOffResponse:
            found = store.find_by_tracking(unit.session, tracking_hash)
            if found is None:
                raise Refusal.not_found("tip-off", "")
            tip_off = domain.contest(found[0], answer_within=self._reply_within(unit), at=unit.now)
            store.keep_contest(unit.session, tip_off, self._seal(tip_off, Field.CONTEST, request.statement))
            self._audit(unit, tip_off, "contested")
            return contract.ContestTipOffResponse(tip_off=wire.for_reporter(tip_off, unit.now))

        return await self._database.write(command)

    async def DecideTipOffContest(
        self, request: contract.DecideTipOffContestRequest, _context: Context
    ) -> contract.DecideTipOffContestResponse:
        """Decides a reporter's contest and answers it."""

        def command(unit: Unit) -> contract.DecideTipOffContestResponse:
            outcome, decider = wire.outcome(request.outcome), unit.call.person.staff_id
            before = _get_for(unit.session, request.tip_off_id, unit.call.person)
            tip_off = domain.decide_contest(before, outcome, tuple(request.sanction_ids), decider=decider, at=unit.now)
            store.keep_contest_decision(
                unit.session,
                tip_off,
                reasons=self._seal(tip_off, Field.CONTEST_REASONS, request.reasons),
                reply=self._seal(tip_off, Field.CONTEST_REPLY, request.reply),
            )
            self._audit(
                unit,
                tip_off,
                "contest_decided",
                outcome=outcome,
                sanctions=len(request.sanction_ids),
                overdue=str(tip_off.overdue(unit.now)),
            )
            return contract.DecideTipOffContestResponse(tip_off=wire.tip_off(tip_off, unit.now))

        return await self._database.write(command)

    async def GetTipOffOrigin(
        self, request: contract.GetTipOffOriginRequest, _context: Context
    ) -> contract.GetTipOffOriginResponse:
        """Tells the credit service where a tip-off came from, and nothing of what was written."""
        tip_off = await self._database.read(lambda session: store.get(session, request.tip_off_id))
        return contract.GetTipOffOriginResponse(
            source=wire.source(tip_off.source), due_time=timestamp(tip_off.due_time), deciders=tip_off.deciders
        )

    async def GetTipOff(self, request: contract.GetTipOffRequest, _context: Context) -> contract.GetTipOffResponse:
        """Shows the desk a tip-off with all that was written."""
        person = current_call().person

        def query(session: Session) -> tuple[domain.TipOff, store.SealedReport, store.SealedTexts]:
            _get_for(session, request.tip_off_id, person)
            return store.get_whole(session, request.tip_off_id)

        tip_off, report, texts = await self._database.read(query)
        hashes = report.evidence_sha256
        return contract.GetTipOffResponse(
            tip_off=wire.tip_off(tip_off, self._database.clock.now()),
            report=contract.TipOffReport(
                explanation=self._text(tip_off, Field.EXPLANATION, report.explanation),
                excerpt=self._sealing.unseal(tip_off.tip_off_id, Field.EXCERPT, report.excerpt).reveal(),
                evidence_sha256=[hashes[at : at + _HASH_BYTES] for at in range(0, len(hashes), _HASH_BYTES)],
                observe_time=timestamp(report.observe_time),
            ),
            reasons=self._text(tip_off, Field.REASONS, texts.reasons),
            reply=self._text(tip_off, Field.REPLY, texts.reply),
            contest_statement=self._text(tip_off, Field.CONTEST, texts.contest),
            contest_reasons=self._text(tip_off, Field.CONTEST_REASONS, texts.contest_reasons),
            contest_reply=self._text(tip_off, Field.CONTEST_REPLY, texts.contest_reply),
        )

    async def TriageTipOff(
        self, request: contract.TriageTipOffRequest, _context: Context
    ) -> contract.TriageTipOffResponse:
        """Sorts a tip-off."""

        def command(unit: Unit) -> contract.TriageTipOffResponse:
            before = _get_for(unit.session, request.tip_off_id, unit.call.person)
            tip_off = domain.triage(before, wire.category(request.category), request.priority, unit.now)
            store.keep_triage(unit.session, tip_off)
            self._audit(unit, tip_off, "triaged", category=tip_off.category, priority=tip_off.priority)
            return contract.TriageTipOffResponse(tip_off=wire.tip_off(tip_off, unit.now))

        return await self._database.write(command)

    async def DecideTipOff(
        self, request: contract.DecideTipOffRequest, _context: Context
    ) -> contract.DecideTipOffResponse:
        """Decides a tip-off."""

        def command(unit: Unit) -> contract.DecideTipOffResponse:
            outcome, person = wire.outcome(request.outcome), unit.call.person
            before = _get_for(unit.session, request.tip_off_id, person)
            tip_off = domain.decide(before, outcome, tuple(request.sanction_ids), decider=person.staff_id, at=unit.now)
            store.keep_decision(unit.session, tip_off, self._seal(tip_off, Field.REASONS, request.reasons))
            self._audit(unit, tip_off, "decided", outcome=outcome, sanctions=len(tip_off.sanction_ids))
            return contract.DecideTipOffResponse(tip_off=wire.tip_off(tip_off, unit.now))

        return await self._database.write(command)

    async def ReplyTipOff(
        self, request: contract.ReplyTipOffRequest, _context: Context
    ) -> contract.ReplyTipOffResponse:
        """Answers the reporter."""

        def command(unit: Unit) -> contract.ReplyTipOffResponse:
            before = _get_for(unit.session, request.tip_off_id, unit.call.person)
            contestable = timedelta(days=self._schedule.at(unit.now).groups.tip_off_contest_days)
            tip_off = domain.reply(before, contestable=contestable, at=unit.now)
            store.keep_reply(unit.session, tip_off, self._seal(tip_off, Field.REPLY, request.reply))
            self._audit(unit, tip_off, "replied", overdue=str(tip_off.overdue(unit.now)))
            return contract.ReplyTipOffResponse(tip_off=wire.tip_off(tip_off, unit.now))

        return await self._database.write(command)

    async def ListDueTipOffs(
        self, request: contract.ListDueTipOffsRequest, _context: Context
    ) -> contract.ListDueTipOffsResponse:
        """Shows a page of the tip-offs and contests without an answer."""
        page = self._pages.open(request)
        at = self._database.clock.now()
        due_by = at if request.overdue_only else None
        found = await self._database.read(lambda session: store.unanswered(session, page, due_by=due_by))
        shown = found[: page.size]
        return contract.ListDueTipOffsResponse(
            tip_offs=[wire.tip_off(tip_off, at) for tip_off in shown],
            next_page_token=self._pages.token(page, shown[-1].tip_off_id) if len(found) > page.size else "",
        )

    def _check_intake(self, unit: Unit, target: domain.Target) -> None:
        intake, session = self._intake, unit.session
        earliest = store.received(session, intake.about_one_target, about=target)
        domain.check_intake("tip-offs about this target", earliest, span=intake.span, at=unit.now)
        earliest = store.received(session, intake.in_all)
        domain.check_intake("tip-offs", earliest, span=intake.span, at=unit.now)

    def _sealed(self, tip_off_id: str, request: contract.SubmitTipOffRequest) -> store.SealedReport:
        explanation = Redacted(request.explanation.encode())
        return store.SealedReport(
            explanation=self._sealing.seal(tip_off_id, Field.EXPLANATION, explanation),
            excerpt=self._sealing.seal(tip_off_id, Field.EXCERPT, Redacted(request.excerpt)),
            evidence_sha256=b"".join(request.evidence_sha256),
            observe_time=instant(request.observe_time) if request.HasField("observe_time") else None,
        )

    def _reply_within(self, unit: Unit) -> timedelta:
        return timedelta(days=self._schedule.at(unit.now).groups.tip_off_reply_days)

    def _seal(self, tip_off: domain.TipOff, field: Field, text: str) -> bytes:
        return self._sealing.seal(tip_off.tip_off_id, field, Redacted(text.encode()))

    def _text(self, tip_off: domain.TipOff, field: Field, sealed: bytes | None) -> str:
        return self._sealing.unseal(tip_off.tip_off_id, field, sealed).reveal().decode()

    def _audit(self, unit: Unit, tip_off: domain.TipOff, done: str, **facts: str | int) -> None:
        unit.audit(
            f"groups.tip_off.{done}", subject=_subject(tip_off.target), resource_id=tip_off.tip_off_id, facts=facts
        )


def _get_for(session: Session, tip_off_id: str, person: Person) -> domain.TipOff:
    """The tip-off, for a member of staff to act on.

    Raises:
        Refusal: NOT_FOUND or REVIEWER_NOT_INDEPENDENT.
    """
    tip_off = store.get(session, tip_off_id)
    member = groups.find_member(session, tip_off.target.group_id, person.account_id)
    domain.check_independent(tip_off, domain.Staff(person.account_id, in_group=member is not None))
    return tip_off


def _target(session: Session, target: contract.TipOffTarget) -> domain.Target:
    """What the tip-off points at, which must exist when it comes in.

    Raises:
        Refusal: GROUP_CODE_INVALID or NOT_FOUND.
    """
    match target.WhichOneof("target"):
        case "account_id":
            if projections.account(session, target.account_id) is None:
                raise Refusal.not_found("account", target.account_id)
            return domain.Target(account_id=target.account_id)
        case "message":
            return _in_group(session, target.message.group_code, "target.message.group_code", target.message.message_id)
        case _:
            return _in_group(session, target.group_code, "target.group_code")


def _in_group(session: Session, code: str, path: str, message_id: str = "") -> domain.Target:
    groups_domain.check_code(code, path=path)
    group = groups.get_by_code(session, code)
    return domain.Target(group_id=group.group_id, group_code=code, message_id=message_id)


def _subject(target: domain.Target) -> Subject:
    return of_account(target.account_id) if target.account_id else of_group(target.group_id)
