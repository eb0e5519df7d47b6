"""What the steps of the story share."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ombudctl.story.script import Script
from ombudctl.story.suite import Suite, person
from policies import Pack

MODERATOR = person("mod-ines", "moderator")
APPROVER = person("app-tomas", "approver")
BOTH = person("both-wei", "moderator", "approver")
REVIEWER = person("rev-noor", "reviewer")
IDENTITY_REVIEWER = person("idr-lucia", "identity_reviewer")
REGISTRAR = person("reg-anders", "registrar")
RECORDS_OFFICER = person("rec-mina", "records_officer")
RECORDS_BOTH = person("rec-otto", "records_officer", "records_approver")
RECORDS_APPROVER = person("rap-sefa", "records_approver")
AUDITOR = person("aud-jules", "auditor", workload="operator")


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Cast:
    """Accounts of made-up people, by the part that they play: nobody of the log is accused of anything."""

    founder: str = ""
    helper: str = ""
    rowdy: str = ""
    lurker: str = ""
    legacy: str = ""
    company: str = ""


@dataclass
class World:
    """The suite, the log and what has happened so far.

    Attributes:
        suite: The suite.
        script: The chat log.
        pack: The policy pack in force.
        cast: The made-up accounts.
        accounts: Account id of each person of the log.
        traces: Trace id of each step played, by its number.
    """

    suite: Suite
    script: Script
    pack: Pack
    cast: Cast = field(default_factory=Cast)
    accounts: list[str] = field(default_factory=list)
    traces: dict[int, str] = field(default_factory=dict)
    group_id: str = ""
    group_code: str = ""
    other_group_id: str = ""
    bodies: list[bytes] = field(default_factory=list)
    chat_begun: datetime = _NEVER
    sanction_id: str = ""
    blacklist_sanction_id: str = ""
    referral_id: str = ""

    @property
    def room(self) -> int:
        """How many people of the log the group can take beside the made-up cast."""
        return self.pack.credit.tiers[0].entitlements.most_group_members - 3

    @property
    def present(self) -> list[str]:
        """Accounts of the people who are members from the start: the first tenth of those who write."""
        first = self.script.writers[: max(1, len(self.script.writers) // 10)]
        return [self.accounts[person] for person in first[: self.room]]

    @property
    def verifier_key(self) -> str:
        """The log's public key, from the suite's folder and not from the wire."""
        return self._retention("log.vkey").read_text().strip()

    @property
    def phone_outbox(self) -> Path:
        """Where codes for telephones arrive, in place of a gateway."""
        return self.suite.data / "identity" / "outbox" / "phone.jsonl"

    @property
    def notice_outbox(self) -> Path:
        """Where notices to users arrive, in place of a mail server."""
        return self.suite.data / "credit" / "outbox" / "notices.jsonl"

    def _retention(self, name: str) -> Path:
        return self.suite.data / "retention" / name
