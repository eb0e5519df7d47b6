"""Step 1: accounts with nobody's name on them, and the proof that somebody is behind each."""

import json
from collections.abc import Iterator
from datetime import timedelta

from ombud.client import OmbudError, request_id
from ombud.groups.v1.decision_service_pb2 import (
    ACTION_POST,
    ACTION_READ,
    DECISION_REASON_GRACE_ENDED,
    DECISION_REASON_LEGACY_GRACE,
    DECISION_REASON_NOT_VERIFIED,
    Action,
    CheckRequest,
    CheckResponse,
    Decision,
)
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.identity.v1.account_service_pb2 import (
    ACCOUNT_KIND_PERSONAL,
    ACCOUNT_KIND_PUBLIC,
    HOLDER_KIND_COMPANY,
    HOLDER_KIND_INDIVIDUAL,
    LEVEL_L1,
    LEVEL_L2,
    LEVEL_L3,
    VERIFICATION_METHOD_DOCUMENT_NUMBER,
    VERIFICATION_METHOD_PHONE_CODE,
    VERIFICATION_METHOD_REGISTRATION_NUMBER,
    Account,
    GetAccountRequest,
    RegisterAccountRequest,
    VerificationMethod,
)
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from ombud.identity.v1.verification_service_pb2 import (
    DOCUMENT_TYPE_PASSPORT,
    REVIEW_DECISION_APPROVE,
    VERIFICATION_STATE_REVIEW,
    VERIFICATION_STATE_VERIFIED,
    DecideVerificationRequest,
    DocumentEvidence,
    ListReviewCasesRequest,
    PhoneCodeEvidence,
    RegistrationEvidence,
    StartVerificationRequest,
    SubmitEvidenceRequest,
    Verification,
)
from ombud.identity.v1.verification_service_pb2_grpc import VerificationServiceStub
from ombudctl.story.documents import COMPANY, PHONE, Identity, identity
from ombudctl.story.scene import Scene, StoryError
from ombudctl.story.world import IDENTITY_REVIEWER, World

_RACERS = 50
Evidence = DocumentEvidence | RegistrationEvidence | PhoneCodeEvidence


async def play(world: World, scene: Scene) -> None:
    """Registers everybody and verifies most."""
    desk = _Counter(world)
    people = iter(map(identity, range(36_000)))
    await _register(world, scene, desk)
    await _phone_then_document(world, scene, desk, next(people))
    await _cap(world, scene, desk, people)
    await _reviewer(world, scene, desk, next(people))
    await _company(world, scene, desk)
    await _grace(world, scene, desk)
    await _everybody(world, scene, desk, people)


async def _everybody(world: World, scene: Scene, desk: "_Counter", people: Iterator[Identity]) -> None:
    writers = [world.accounts[person] for person in world.script.writers]
    silent = len(world.accounts) - len(writers)
    scene.says(f"{len(writers)} people of the log write something and verify; {silent} never do, and stay readers.")
    begun = world.suite.now()
    verified = await scene.each("verifying", list(zip(writers, people, strict=False)), desk.verify_document)
    seconds = (world.suite.now() - begun).total_seconds()
    scene.proves(
        f"{len(verified)} numbers of four countries verified",
        len(verified) == len(writers) and all(one.state == VERIFICATION_STATE_VERIFIED for one in verified),
    )
    scene.counts(verified=len(verified), verifications_per_second=round(len(verified) / seconds))


class _Counter:
    """What the platform does for its users at registration."""

    def __init__(self, world: World) -> None:
        channel = world.suite.workload("platform")
        self.accounts = AccountServiceStub(channel)
        self.verifications = VerificationServiceStub(channel)
        self.decisions = DecisionServiceStub(channel)

    async def register(self, nickname: str, *, legacy: bool = False, public: bool = False) -> str:
        """Registers an account; gives its id."""
        request = RegisterAccountRequest(
            request_id=request_id(),
            kind=ACCOUNT_KIND_PUBLIC if public else ACCOUNT_KIND_PERSONAL,
            holder_kind=HOLDER_KIND_COMPANY if public else HOLDER_KIND_INDIVIDUAL,
            nickname=nickname,
            legacy=legacy,
        )
        return (await self.accounts.RegisterAccount(request)).account.account_id

    async def account(self, account_id: str) -> Account:
        """The account as others see it."""
        return (await self.accounts.GetAccount(GetAccountRequest(account_id=account_id))).account

    async def start(self, account_id: str, method: VerificationMethod.ValueType, phone: str = "") -> str:
        """Starts a verification; gives its id."""
        request = StartVerificationRequest(
            request_id=request_id(), account_id=account_id, method=method, phone_number=phone
        )
        return (await self.verifications.StartVerification(request)).verification.verification_id

    async def submit(self, verification_id: str, evidence: Evidence) -> Verification:
        """Submits evidence."""
        request = SubmitEvidenceRequest(request_id=request_id(), verification_id=verification_id)
        if isinstance(evidence, DocumentEvidence):
            request.document.CopyFrom(evidence)
        elif isinstance(evidence, RegistrationEvidence):
            request.registration.CopyFrom(evidence)
        else:
            request.phone_code.CopyFrom(evidence)
        return (await self.verifications.SubmitEvidence(request)).verification

    async def verify_document(self, who: tuple[str, Identity]) -> Verification:
        """Verifies an account with its holder's document."""
        account_id, holder = who
        started = await self.start(account_id, VERIFICATION_METHOD_DOCUMENT_NUMBER)
        return await self.submit(started, holder.evidence())

    async def check(self, account_id: str, action: Action.ValueType) -> CheckResponse:
        """Asks what an account may do, apart from any group."""
        return await self.decisions.Check(CheckRequest(account_id=account_id, action=action))


async def _register(world: World, scene: Scene, desk: _Counter) -> None:
    script = world.script
    scene.says(
        f"The log has {len(script.lines)} events in {script.files} files by {len(script.people)} people."
        " The platform registers an account for each; the made-up cast joins them, so that nobody of the log is"
        " accused of anything."
    )
    for line in script.unreadable:
        scene.says(f"[yellow]not read[/]: {line.file}:{line.line}: {line.reason}; kept in rejected.txt")
    begun = world.suite.now()
    world.accounts = await scene.each("registering", script.people, desk.register)
    seconds = (world.suite.now() - begun).total_seconds()
    cast = world.cast
    cast.founder = await desk.register("tide-keeper")
    cast.helper = await desk.register("second-watch")
    cast.rowdy = await desk.register("loud-gull")
    cast.lurker = await desk.register("quiet-one")
    cast.legacy = await desk.register("old-timer", legacy=True)
    cast.company = await desk.register("Tidewater Press", public=True)
    registered = len(set(world.accounts))
    scene.proves(f"{registered} accounts, one for each person of the log", registered == len(script.people))
    scene.counts(
        events=len(script.lines),
        unreadable=len(script.unreadable),
        accounts=registered + 6,
        registrations_per_second=round(registered / seconds),
    )


async def _phone_then_document(world: World, scene: Scene, desk: _Counter, holder: Identity) -> None:
    founder = world.cast.founder
    scene.says(
        "The founder shows a telephone first. The code goes out through the sender, here a file in place of a gateway."
    )
    started = await desk.start(founder, VERIFICATION_METHOD_PHONE_CODE, PHONE)
    code = _code(world)
    wrong = PhoneCodeEvidence(code=f"{(int(code) + 1) % 1_000_000:06}")
    await scene.refuses("a wrong code", "PHONE_CODE_WRONG", desk.submit(started, wrong))
    await desk.submit(started, PhoneCodeEvidence(code=code))
    scene.proves("the right code lifts the account to L1", (await desk.account(founder)).level == LEVEL_L1)
    scene.says("Then an identity document. A number with a wrong check digit says so; a right one lifts to L2.")
    started = await desk.start(founder, VERIFICATION_METHOD_DOCUMENT_NUMBER)
    slip = holder.evidence()
    slip.number = slip.number[:-2] + slip.number[-1] + slip.number[-2]
    await scene.refuses("a number with two digits swapped", "DOCUMENT_NUMBER_REFUSED", desk.submit(started, slip))
    verified = await desk.submit(started, holder.evidence())
    scene.proves("the right number verifies", verified.state == VERIFICATION_STATE_VERIFIED)
    account = await desk.account(founder)
    scene.proves("the account is at L2", account.level == LEVEL_L2)
    seen = account.SerializeToString()
    hidden = (holder.number, *holder.name.split(), PHONE)
    scene.proves(
        "the nickname is all that others see: no name, number or telephone is in the account",
        account.nickname == "tide-keeper" and not any(secret.encode() in seen for secret in hidden),
    )


def _code(world: World) -> str:
    messages = [json.loads(line) for line in world.phone_outbox.read_text().splitlines()]
    return next(str(message["code"]) for message in reversed(messages) if message["to"] == PHONE)


async def _cap(world: World, scene: Scene, desk: _Counter, people: Iterator[Identity]) -> None:
    cap = world.pack.identity.accounts_per_person
    scene.says(
        f"One person may stand behind {cap} accounts. The next is refused, in words that tell nothing of the others."
    )
    holder = next(people)
    cast = world.cast
    for account_id in [cast.rowdy, *[await desk.register(f"twin-{number}") for number in range(cap - 1)]]:
        await desk.verify_document((account_id, holder))
    extra = await desk.register("one-too-many")
    await scene.refuses(
        f"account {cap + 1} of one person", "VERIFICATION_REFUSED", desk.verify_document((extra, holder))
    )
    scene.says(f"The same when {_RACERS} requests for one person race.")
    racer = next(people)
    racers = [await desk.register(f"racer-{number}") for number in range(_RACERS)]
    started = await scene.each("starting", racers, lambda one: desk.start(one, VERIFICATION_METHOD_DOCUMENT_NUMBER))
    outcomes = await scene.each("racing", started, lambda one: _outcome(desk, one, racer))
    won = outcomes.count("VERIFIED")
    scene.proves(
        f"{won} of {_RACERS} got through, {_RACERS - won} were refused",
        won == cap and outcomes.count("VERIFICATION_REFUSED") == _RACERS - cap,
    )
    scene.counts(race_won=won, race_refused=_RACERS - won)
    await desk.verify_document((cast.helper, next(people)))


async def _outcome(desk: _Counter, verification_id: str, holder: Identity) -> str:
    try:
        verified = await desk.submit(verification_id, holder.evidence())
    except OmbudError as error:
        return error.reason
    return "VERIFIED" if verified.state == VERIFICATION_STATE_VERIFIED else "REVIEW"


async def _reviewer(world: World, scene: Scene, desk: _Counter, holder: Identity) -> None:
    scene.says("A passport number has no form to check: it goes to a reviewer, who sees the person with the document.")
    account_id = await desk.register("from-afar")
    started = await desk.start(account_id, VERIFICATION_METHOD_DOCUMENT_NUMBER)
    passport = DocumentEvidence(country="NZ", type=DOCUMENT_TYPE_PASSPORT, number="LM123456", full_name=holder.name)
    submitted = await desk.submit(started, passport)
    scene.proves("the doubtful waits for review", submitted.state == VERIFICATION_STATE_REVIEW)
    reviews = VerificationServiceStub(world.suite.as_(IDENTITY_REVIEWER))
    cases = (await reviews.ListReviewCases(ListReviewCasesRequest(page_size=500))).cases
    case = next((case for case in cases if case.verification.verification_id == started), None)
    if case is None:
        raise StoryError("the reviewer's list has the case")
    scene.proves(
        "the reviewer's list has the case, without the name and the number", b"LM123456" not in case.SerializeToString()
    )
    decision = DecideVerificationRequest(
        request_id=request_id(), verification_id=started, decision=REVIEW_DECISION_APPROVE, attended=True
    )
    await reviews.DecideVerification(decision)
    scene.proves("approved in the person's presence: L3", (await desk.account(account_id)).level == LEVEL_L3)


async def _company(world: World, scene: Scene, desk: _Counter) -> None:
    scene.says("A company proves its number in a register, here a Legal Entity Identifier.")
    started = await desk.start(world.cast.company, VERIFICATION_METHOD_REGISTRATION_NUMBER)
    wrong = RegistrationEvidence(type=COMPANY.type, number=COMPANY.number[:-2] + "00", legal_name=COMPANY.legal_name)
    await scene.refuses("a wrong registration number", "DOCUMENT_NUMBER_REFUSED", desk.submit(started, wrong))
    await desk.submit(started, COMPANY)
    scene.proves("the company's account is at L2", (await desk.account(world.cast.company)).level == LEVEL_L2)


async def _grace(world: World, scene: Scene, desk: _Counter) -> None:
    cast, days = world.cast, world.pack.identity.legacy_grace_days

    def decided(response: CheckResponse) -> Decision:
        return response.decision

    answer = await scene.until(
        "an account that did not verify may not post",
        lambda: desk.check(cast.lurker, ACTION_POST),
        lambda answer: decided(answer).reason == DECISION_REASON_NOT_VERIFIED,
    )
    scene.proves("the answer is a denial with its revision", not answer.decision.allowed and answer.revision > 0)
    await scene.until(
        "an account from before the rules may post while its grace runs",
        lambda: desk.check(cast.legacy, ACTION_POST),
        lambda answer: decided(answer).allowed and decided(answer).reason == DECISION_REASON_LEGACY_GRACE,
    )
    scene.says(f"[bold]The story puts the suite's clock forward by {days} days[/]: the grace ends without an event.")
    await world.suite.advance(timedelta(days=days))
    ended = (await desk.check(cast.legacy, ACTION_POST)).decision
    reads = (await desk.check(cast.legacy, ACTION_READ)).decision
    scene.proves(
        "now it may read and no longer post",
        reads.allowed and not ended.allowed and ended.reason == DECISION_REASON_GRACE_ENDED,
    )
