"""The terms that the log commits to: what is destroyed goes by these, whatever the database was made to say."""

from sqlmodel import Session

from ombud.retention.v1.lifecycle_service_pb2 import RetentionTerms, TermsEvent
from services.retention.errors import DamagedError
from services.retention.lifecycle import store
from services.retention.lifecycle.domain import ClassName, Terms
from services.retention.lifecycle.wire import class_number, terms_message
from services.retention.log.ledger import Ledger
from services.retention.register import store as register
from services.retention.register.jobs import entry_of


def committed(session: Session, name: ClassName, ledger: Ledger) -> list[Terms]:
    """All terms of a class that apply from some instant on, as `store.versions` gives them.

    None of them while an event of terms has no leaf under a checkpoint yet.

    Raises:
        DamagedError: The terms in the database are not those that the log commits to.
    """
    told: dict[str, RetentionTerms] = {}
    for event in register.events(session, register.Noun.CLASS, "", after=-1, limit=None):
        if event.leaf_index is None or not ledger.covers(event.leaf_index):
            return []
        if not ledger.commits_to(event.leaf_index, entry_of(event)):
            raise DamagedError(f"database: register_event {event.position} is not what its leaf commits to")
        terms = TermsEvent.FromString(event.statement).terms
        if terms.name != class_number(name) or not terms.HasField("effective_time"):
            continue
        told[terms.terms_id] = terms
    versions = store.versions(session, name)
    if {terms.terms_id: terms_message(terms) for terms in versions} != told:
        raise DamagedError(f"database: the terms of {name} are not those that the log commits to")
    return versions
