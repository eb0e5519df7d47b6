"""Letters as they are sent: made of what the database holds of the case when they leave."""

from dataclasses import dataclass

from sqlmodel import Session

from services.credit.appeals import store as appeals
from services.credit.notices import store
from services.credit.notices.domain import DueLetter, Language, LetterKind, Recipient
from services.credit.notices.templates import Templates, told
from services.credit.receipts import Receipts
from services.credit.referrals import store as referrals
from services.credit.standings import store as standings
from services.credit.subjects import Subject, SubjectKind


@dataclass(frozen=True)
class Letter:
    """What the platform hands on. Names no member of staff; names the reporter to nobody but the reporter's own."""

    notice_id: str
    kind: str
    recipient: str
    subject_kind: str
    subject_id: str
    group_id: str
    tip_off_id: str
    sanction_id: str
    appeal_receipt: str
    language: str
    title: str
    text: str


def letter_of(session: Session, due: DueLetter, receipts: Receipts, templates: Templates) -> Letter:
    """The letter as it leaves now."""
    sanction, recipient = due.sanction, due.kind.recipient
    subject = sanction.subject
    if recipient is Recipient.REPORTER:
        # The reporter learns nothing of who was sanctioned, and the sanctioned nothing of the reporter.
        subject = Subject(SubjectKind.ACCOUNT, sanction.reporter_account_id)
    receipt = receipts.of(sanction.sanction_id) if recipient is Recipient.SUBJECT else ""
    language = store.language_of(session, subject)
    title, text = templates.text(language, due.kind, **_values(session, due, receipt, language, templates))
    return Letter(
        notice_id=due.letter_id,
        kind=due.kind,
        recipient=recipient,
        subject_kind=subject.kind,
        subject_id=subject.id,
        group_id="" if recipient is Recipient.REPORTER else sanction.group_id,
        tip_off_id=sanction.tip_off_id if recipient is Recipient.REPORTER else "",
        sanction_id="" if recipient is Recipient.REPORTER else sanction.sanction_id,
        appeal_receipt=receipt,
        language=language,
        title=title,
        text=text,
    )


def _values(session: Session, due: DueLetter, receipt: str, language: Language, templates: Templates) -> dict[str, str]:
    if due.kind in (LetterKind.REFERRED, LetterKind.REFERRAL_CORRECTED):
        referral = referrals.get(session, due.text)
        return {
            "referral": referral.referral_id,
            "authority": referral.authority,
            "legal_basis": referral.legal_basis,
            "fields": ", ".join(referral.fields),
            "reference": referral.reference,
        }
    measures = templates.measures(language, due.sanction.terms)
    values = {"text": due.text, "receipt": receipt, "measures": measures, "due": "", "until": "", "outcome": ""}
    left = standings.points_left(session, [due.sanction.sanction_id], due.not_before)
    values["points"] = str(left.get(due.sanction.sanction_id, 0))
    for appeal in appeals.of_sanctions(session, [due.sanction.sanction_id]):
        values["due"] = told(appeal.due)
        if appeal.prolongation:
            values["until"] = told(appeal.prolongation.until)
        if due.kind is LetterKind.APPEAL_ENDED:
            outcome = appeal.outcome or appeal.state
            values["outcome"] = templates.outcome(language, outcome, measures=measures, points=values["points"])
    return values
