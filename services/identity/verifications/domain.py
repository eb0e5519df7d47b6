"""Verifications: their states, who may use which method, and what evidence leads to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from chassis.redacted import Redacted
from chassis.refusal import ErrorReason, Refusal
from services.identity.accounts.domain import Account, Assurance, Basis, HolderKind, Level, Method
from services.identity.verifications.numbers import Number

STARTS_MOST = 10
STARTS_WINDOW = timedelta(hours=24)
SUBMISSIONS_MOST = 9
EVIDENCE_AWAITED = timedelta(days=7)


class VerificationState(StrEnum):
    """Where a verification stands."""

    AWAITING_USER = "AWAITING_USER"
    REVIEW = "REVIEW"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"


class VerificationReason(StrEnum):
    """Why a verification is not VERIFIED. All but EVIDENCE_REFUSED can be mended by the user."""

    UNREADABLE = "UNREADABLE"
    DOCUMENT_NOT_VALID = "DOCUMENT_NOT_VALID"
    TRIES_USED = "TRIES_USED"
    EVIDENCE_REFUSED = "EVIDENCE_REFUSED"


class Doubt(StrEnum):
    """Why a verification needs a reviewer."""

    DOCUMENT_EXPIRED = "DOCUMENT_EXPIRED"
    NUMBER_NOT_CHECKABLE = "NUMBER_NOT_CHECKABLE"
    NAME_MIXED_SCRIPTS = "NAME_MIXED_SCRIPTS"
    OTHER_NUMBER_BEFORE = "OTHER_NUMBER_BEFORE"


class Decision(StrEnum):
    """What a reviewer decides."""

    APPROVE = "APPROVE"
    RESUBMIT = "RESUBMIT"
    REJECT = "REJECT"


class SlotClass(StrEnum):
    """What a slot counts: accounts of one holder, or accounts on one telephone."""

    HOLDER = "HOLDER"
    PHONE = "PHONE"


@dataclass(frozen=True)
class Evidence:
    """A name and a number as submitted, canonical.

    Attributes:
        kind: The document or register type, as text.
        number: The number.
        name: The holder's name.
        expiry: Last day of the document's validity, if it has one.
        mixed_scripts: True if the name of a person mixes scripts.
    """

    kind: str
    number: Number
    name: Redacted[str]
    expiry: date | None
    mixed_scripts: bool


@dataclass(frozen=True)
class Verification:
    """A verification as recorded. Whether its time has run out is asked with `state_at`."""

    verification_id: str
    account_id: str
    method: Method
    state: VerificationState
    tries_left: int
    create_time: datetime
    expire_time: datetime
    level: Level = Level.L0
    reason: VerificationReason | None = None
    doubts: tuple[Doubt, ...] = ()
    submit_time: datetime | None = None
    decide_time: datetime | None = None

    def state_at(self, at: datetime) -> VerificationState:
        """The state in force: a verification that awaited evidence too long is EXPIRED."""
        if self.state is VerificationState.AWAITING_USER and at >= self.expire_time:
            return VerificationState.EXPIRED
        return self.state


def start(
    verification_id: str,
    account: Account,
    method: Method,
    *,
    at: datetime,
    recent_starts: int,
    tries: int,
    lasts: timedelta,
) -> Verification:
    """A new verification that awaits evidence.

    Args:
        verification_id: Its id.
        account: The account to be verified.
        method: How.
        at: The instant.
        recent_starts: How many were started for the account in the last STARTS_WINDOW.
        tries: How often evidence may be submitted.
        lasts: How long evidence is awaited.

    Raises:
        Refusal: METHOD_NOT_FOR_HOLDER, VERIFICATION_LIMIT.
    """
    individual = account.holder_kind is HolderKind.INDIVIDUAL
    if method is (Method.REGISTRATION_NUMBER if individual else Method.DOCUMENT_NUMBER):
        raise Refusal(
            ErrorReason.ERROR_REASON_METHOD_NOT_FOR_HOLDER,
            "the method does not fit the holder",
            satisfy="DOCUMENT_NUMBER for individuals, REGISTRATION_NUMBER for organisations and companies",
            method=method,
            holder_kind=account.holder_kind,
        )
    if recent_starts >= STARTS_MOST:
        raise Refusal(
            ErrorReason.ERROR_REASON_VERIFICATION_LIMIT,
            "too many verifications were started for the account",
            satisfy="a start when the window has passed",
            limit=STARTS_MOST,
            window_hours=int(STARTS_WINDOW / timedelta(hours=1)),
        )
    return Verification(
        verification_id=verification_id,
        account_id=account.account_id,
        method=method,
        state=VerificationState.AWAITING_USER,
        tries_left=tries,
        create_time=at,
        expire_time=at + lasts,
    )


def supersede(verification: Verification, *, at: datetime) -> Verification:
    """An open verification when a later one takes its place."""
    return replace(verification, state=VerificationState.SUPERSEDED, decide_time=at)


def expire(verification: Verification) -> Verification:
    """A verification whose time has run out: nobody decided on it."""
    return replace(verification, state=VerificationState.EXPIRED)


def submit(verification: Verification, method: Method, *, at: datetime) -> Verification:
    """Takes a submission of evidence for that method and uses a try.

    Raises:
        Refusal: EVIDENCE_MISMATCH; PHONE_CODE_SPENT for a code that is too old or was tried too often; WRONG_STATE.
    """
    if method is not verification.method:
        raise Refusal(
            ErrorReason.ERROR_REASON_EVIDENCE_MISMATCH,
            "the verification awaits evidence of another kind",
            satisfy=f"evidence for {verification.method}",
            method=verification.method,
        )
    state = verification.state_at(at)
    if method is Method.PHONE_CODE and state is VerificationState.EXPIRED:
        raise spent_code("EXPIRED")
    if method is Method.PHONE_CODE and verification.reason is VerificationReason.TRIES_USED:
        raise spent_code("TRIES_USED")
    if state is not VerificationState.AWAITING_USER:
        raise Refusal.wrong_state("verification", state=state, needs=VerificationState.AWAITING_USER)
    return replace(verification, tries_left=verification.tries_left - 1, submit_time=at, reason=None)


def doubts_about(evidence: Evidence, *, other_number_before: bool, today: date) -> tuple[Doubt, ...]:
    """Why a reviewer must look at the evidence; none if its form settles it.

    Args:
        evidence: What was submitted.
        other_number_before: True if the account was verified with another number.
        today: The date, in UTC.
    """
    found = {
        Doubt.DOCUMENT_EXPIRED: evidence.expiry is not None and evidence.expiry < today,
        Doubt.NUMBER_NOT_CHECKABLE: not evidence.number.checked,
        Doubt.NAME_MIXED_SCRIPTS: evidence.mixed_scripts,
        Doubt.OTHER_NUMBER_BEFORE: other_number_before,
    }
    return tuple(doubt for doubt, applies in found.items() if applies)


def to_review(verification: Verification, doubts: Sequence[Doubt]) -> Verification:
    """The verification, waiting for a reviewer."""
    return replace(verification, state=VerificationState.REVIEW, doubts=tuple(doubts))


def verify(verification: Verification, assurance: Assurance, *, at: datetime) -> Verification:
    """The verification, done, with the level that it showed."""
    return replace(verification, state=VerificationState.VERIFIED, level=assurance.level, reason=None, decide_time=at)


def reject(verification: Verification, reason: VerificationReason, *, at: datetime) -> Verification:
    """The verification, done without result."""
    return replace(verification, state=VerificationState.REJECTED, reason=reason, decide_time=at)


def count_wrong_code(verification: Verification, *, at: datetime) -> Verification:
    """The verification after a wrong code: open until the last try is used."""
    if verification.tries_left > 0:
        return verification
    return reject(verification, VerificationReason.TRIES_USED, at=at)


def resubmit(verification: Verification, reason: VerificationReason, *, at: datetime) -> Verification:
    """The verification, waiting for the user again; done if no try is left."""
    if verification.tries_left <= 0:
        return reject(verification, VerificationReason.TRIES_USED, at=at)
    return replace(
        verification,
        state=VerificationState.AWAITING_USER,
        reason=reason,
        doubts=(),
        expire_time=at + EVIDENCE_AWAITED,
    )


def check_reviewer(verification: Verification, *, reviewer_account_id: str, at: datetime) -> None:
    """Refuses a decision by the account's own holder, or on a verification that waits for none.

    Raises:
        Refusal: OWN_ACCOUNT, WRONG_STATE.
    """
    if reviewer_account_id == verification.account_id:
        raise own_account(verification.account_id)
    state = verification.state_at(at)
    if state is not VerificationState.REVIEW:
        raise Refusal.wrong_state("verification", state=state, needs=VerificationState.REVIEW)


def assurance_by_form(method: Method, *, at: datetime, valid: timedelta) -> Assurance:
    """What evidence shows whose form is right: a telephone is in reach (L1), or a number was given (L2)."""
    if method is Method.PHONE_CODE:
        return Assurance(Level.L1, method, Basis.CODE_RETURNED, at + valid)
    return Assurance(Level.L2, method, Basis.NUMBER_FORM, at + valid)


def assurance_by_review(method: Method, *, attended: bool, at: datetime, valid: timedelta) -> Assurance:
    """What a reviewer's approval shows.

    Raises:
        Refusal: INVALID_FIELD, if an organisation is said to have attended.
    """
    if not attended:
        return Assurance(Level.L2, method, Basis.REVIEW, at + valid)
    if method is not Method.DOCUMENT_NUMBER:
        raise Refusal.field("attended", "only a person can attend", satisfy="false for registrations")
    return Assurance(Level.L3, method, Basis.ATTENDED_REVIEW, at + valid)


def refused_evidence() -> Refusal:
    """Evidence that does not verify the account: the same words for every cause, which tell nothing of others."""
    return Refusal(
        ErrorReason.ERROR_REASON_VERIFICATION_REFUSED,
        "this evidence can not verify this account",
        satisfy="other evidence, in another verification",
    )


def wrong_code(tries_left: int) -> Refusal:
    """A code that is not the one that was sent."""
    return Refusal(
        ErrorReason.ERROR_REASON_PHONE_CODE_WRONG,
        "the code is not the one that was sent",
        satisfy="the code of the newest message",
        tries_left=tries_left,
    )


def spent_code(cause: str) -> Refusal:
    """A code that can not be used any more, because it is EXPIRED or all TRIES_USED."""
    return Refusal(
        ErrorReason.ERROR_REASON_PHONE_CODE_SPENT,
        "the code can not be used any more",
        satisfy="a code of another verification",
        cause=cause,
    )


def own_account(account_id: str) -> Refusal:
    """A person tried to decide on an own account."""
    return Refusal(
        ErrorReason.ERROR_REASON_OWN_ACCOUNT,
        "a person can not decide on an own account",
        satisfy="another person who holds the role",
        account_id=account_id,
    )
