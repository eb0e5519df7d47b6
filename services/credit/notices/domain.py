"""What is told, to whom, in which language."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.credit.sanctions.domain import Sanction


class Language(StrEnum):
    """Languages that notices are written in (BCP 47)."""

    ENGLISH = "en"
    CHINESE = "zh"


class LetterKind(StrEnum):
    """Occasions of a letter."""

    APPEAL_FILED = "APPEAL_FILED"
    APPEAL_ASKED = "APPEAL_ASKED"
    APPEAL_PROLONGED = "APPEAL_PROLONGED"
    APPEAL_OVERDUE = "APPEAL_OVERDUE"
    APPEAL_ENDED = "APPEAL_ENDED"
    APPEAL_WITHDRAWN = "APPEAL_WITHDRAWN"
    SANCTION_ENDED = "SANCTION_ENDED"
    SANCTION_LIFTED = "SANCTION_LIFTED"
    SANCTION_VARIED = "SANCTION_VARIED"
    SANCTION_STAYED = "SANCTION_STAYED"
    SANCTION_FELL = "SANCTION_FELL"
    SANCTION_REPLACED = "SANCTION_REPLACED"
    GROUND_STAYED = "GROUND_STAYED"
    STAY_ENDED = "STAY_ENDED"
    RECTIFICATION_RECORDED = "RECTIFICATION_RECORDED"
    RECTIFICATION_MISSED = "RECTIFICATION_MISSED"
    REPORTER_TOLD = "REPORTER_TOLD"
    REFERRED = "REFERRED"
    REFERRAL_CORRECTED = "REFERRAL_CORRECTED"

    @property
    def recipient(self) -> "Recipient":
        """Who gets it."""
        if self is LetterKind.REPORTER_TOLD:
            return Recipient.REPORTER
        return Recipient.AUTHORITY if self is LetterKind.REFERRAL_CORRECTED else Recipient.SUBJECT


class Recipient(StrEnum):
    """Whom the platform hands a letter to."""

    SUBJECT = "SUBJECT"
    REPORTER = "REPORTER"
    AUTHORITY = "AUTHORITY"


@dataclass(frozen=True)
class DueLetter:
    """A letter that waits to be sent, about one sanction, and the trace of the act that it tells of.

    `text` is what a person wrote for it: a question, reasons; or for an authority the id of the referral.
    """

    letter_id: str
    kind: LetterKind
    sanction: Sanction
    text: str
    not_before: datetime
    traceparent: str
