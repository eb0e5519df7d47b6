"""The unit of work: what a command is handed inside its transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection, Executable
from sqlmodel import Session

from chassis.call import Call, Trace
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.common.v1.audit_pb2 import AuditOutcome, AuditRecord
from ombud.common.v1.types_pb2 import Subject

K = TypeVar("K")
S = TypeVar("S")
M = TypeVar("M")

# Says what holds of so many keys at an instant: for each the feed's key and its message, whole.
Teller: TypeAlias = Callable[[Session, datetime, Sequence[Any]], Iterable[tuple[str, Message]]]


class Rows:
    """Rows that wait to be stored together: a statement is executed once for all of its rows.

    Attributes:
        waiting: By statement, in the order in which each was first used.
    """

    def __init__(self) -> None:
        self.waiting: dict[Executable, list[Mapping[str, Any]]] = {}

    def add(self, statement: Executable, values: Mapping[str, Any]) -> None:
        """Adds a row."""
        self.waiting.setdefault(statement, []).append(values)

    def take(self, others: "Rows") -> None:
        """Takes over what waits elsewhere."""
        for statement, rows in others.waiting.items():
            self.waiting.setdefault(statement, []).extend(rows)
        others.waiting.clear()

    def store(self, connection: Connection) -> None:
        """Stores what waits; nothing waits then, whatever comes of it."""
        waiting, self.waiting = self.waiting, {}
        for statement, rows in waiting.items():
            connection.execute(statement, rows)


@dataclass
class Transaction:
    """What the commands of a transaction have in common.

    Attributes:
        rows: What commands that are done have yet to store.
        asked: Whether the command that runs has used the session, and so may have done what only a rollback undoes.
    """

    _session: Session
    rows: Rows = field(default_factory=Rows)
    asked: bool = False

    def open(self, rows: Rows | None = None) -> Session:
        """The database, with everything stored that was to be stored so far, `rows` included."""
        if rows is not None:
            self.rows.take(rows)
        if self.rows.waiting:
            # They may refer to what was added to the session before them.
            self._session.flush()
            self.rows.store(self._session.connection())
            # Rows that were stored past it have made stale what it holds.
            self._session.expire_all()
        return self._session


class Told(NamedTuple):
    """A key whose state the feed is told at the end of the transaction, and the trace that changed it."""

    teller: Teller
    key: Any
    traceparent: str


@dataclass
class Unit:
    """One command's share of a transaction.

    Attributes:
        transaction: What it is a part of.
        now: The instant of the command; the same for all that it does.
        call: The call that the command serves, or a job's stand-in for one.
        service: The service whose database it is.
        rows: What the command stores without the session.
    """

    transaction: Transaction
    now: datetime
    call: Call
    service: str
    rows: Rows = field(default_factory=Rows)
    changes: list[tuple[str, bytes, str]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    audits: list[AuditRecord] = field(default_factory=list)

    @property
    def session(self) -> Session:
        """The database, with all that was stored before in this transaction."""
        self.transaction.asked = True
        return self.transaction.open(self.rows)

    def store(self, statement: Executable, **values: object) -> None:
        """Adds a row that is stored with those that other commands add to the same statement.

        Args:
            statement: An insert or an upsert without values, built once.
            values: By the name of the column.
        """
        self.rows.add(statement, values)

    def change(self, key: str, message: Message) -> None:
        """Adds an entry to the service's change feed.

        Args:
            key: What changed, such as an account id; at most 128 characters.
            message: The feed's payload message, whole: a consumer needs no earlier entry of that key.
        """
        self.changes.append((key, message.SerializeToString(), self.call.trace.parent))

    def tell(self, teller: Teller, key: object) -> None:
        """Has the feed told what holds of a key once the transaction's commands are done: once, however many ask.

        Args:
            teller: Says it, for all keys that it was the last to be named for. It may go by what a prepared command
                has loaded and added to.
            key: What changed.
        """
        self.told.append(Told(teller, key, self.call.trace.parent))

    def under(self, trace: Trace) -> "Unit":
        """The same unit, for what belongs to another trace than the call's own."""
        return replace(self, call=replace(self.call, trace=trace))

    def audit(
        self,
        action: str,
        *,
        subject: Subject | None = None,
        resource_id: str = "",
        facts: Mapping[str, str | int] | None = None,
        outcome: AuditOutcome.ValueType = AuditOutcome.AUDIT_OUTCOME_DONE,
    ) -> None:
        """Adds an audit record; it commits with the act, or not at all.

        Args:
            action: `<service>.<noun>.<past participle>`.
            subject: Whom or what the act concerns.
            resource_id: Id of the resource that changed.
            facts: Deciding facts; ids, numbers, enum names, hashes. Never personal data.
            outcome: What became of the attempt.
        """
        person = self.call.caller.person
        self.audits.append(
            AuditRecord(
                audit_id=new_id(),
                service=self.service,
                time=timestamp(self.now),
                action=action,
                outcome=outcome,
                workload=self.call.caller.workload,
                person=person.staff_id if person else "",
                method=self.call.method,
                request_id=self.call.request_id,
                subject=subject,
                resource_id=resource_id,
                trace_id=self.call.trace.trace_id,
                span_id=self.call.trace.span_id,
                facts={name: str(value) for name, value in (facts or {}).items()},
            )
        )


@dataclass(frozen=True, slots=True)
class Prepared(Generic[K, S, M]):
    """A command of a hot path: it reads together with those beside it, and stores rows.

    One that asks its unit for no session can refuse without a rollback of the others.

    Attributes:
        load: Reads what commands need to know at an instant, which is theirs, too, for all their keys. What it returns
            they have in common.
        key: What this command needs to know about.
        command: Decides by what was loaded. It adds to that what the next commands must know, after its last refusal.
    """

    load: Callable[[Session, datetime, Sequence[K]], S]
    key: K
    command: Callable[[Unit, S], M]

    def given(self, known: S) -> Callable[[Unit], M]:
        """The command, with what was loaded."""
        return lambda unit: self.command(unit, known)
