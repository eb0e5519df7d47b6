"""What happens to account, slots and vault, in one transaction, as a verification goes on."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from chassis.db import Unit
from chassis.ids import new_id
from chassis.redacted import Redacted
from ombud.common.v1.types_pb2 import Subject
from policies.pack import IdentityPolicy
from policies.schedule import Schedule
from services.identity.accounts import domain as account_rules
from services.identity.accounts import store as accounts
from services.identity.accounts.domain import Assurance, Method
from services.identity.vault.domain import CellField, length_prefixed
from services.identity.vault.keys import KeyService, Purpose
from services.identity.vault.store import Vault
from services.identity.verifications import domain, slots, store
from services.identity.verifications.domain import (
    Decision,
    Evidence,
    SlotClass,
    Verification,
    VerificationReason,
    VerificationState,
)
from services.identity.verifications.numbers import Number
from services.identity.wire import account_message

Cells = Mapping[CellField, Redacted[str]]


@dataclass(frozen=True)
class PhoneCode:
    """A telephone number in E.164 form and the code that is sent to it."""

    phone: Redacted[str]
    code: Redacted[str]


class VerificationCommands:
    """The commands, under the policy in force and a key service."""

    def __init__(self, schedule: Schedule, keys: KeyService, vault: Vault) -> None:
        self._schedule = schedule
        self._keys = keys
        self._vault = vault

    def start(self, unit: Unit, account_id: str, method: Method, sent: PhoneCode | None) -> Verification:
        """Starts a verification in place of those that are open.

        Args:
            unit: The unit of work.
            account_id: The account.
            method: How it is to be verified.
            sent: With PHONE_CODE, the code that goes out.

        Raises:
            Refusal: NOT_FOUND, METHOD_NOT_FOR_HOLDER, VERIFICATION_LIMIT.
        """
        session, at = unit.session, unit.now
        verification = domain.start(
            new_id(),
            accounts.get(session, account_id),
            method,
            at=at,
            recent_starts=store.count_started(session, account_id, since=at - domain.STARTS_WINDOW),
            tries=self._policy(at).phone_code_attempts if sent else domain.SUBMISSIONS_MOST,
            lasts=timedelta(minutes=self._policy(at).phone_code_minutes) if sent else domain.EVIDENCE_AWAITED,
        )
        for earlier in store.open_of(session, account_id):
            self._close(unit, domain.supersede(earlier, at=at))
        code_mac = self._code_mac(verification.verification_id, sent.code) if sent else None
        store.add(session, verification, code_mac=code_mac)
        if sent:
            self._put(unit, verification, {CellField.PHONE: sent.phone})
        _audit(unit, "started", verification)
        return verification

    def try_code(self, unit: Unit, verification_id: str, code: Redacted[str]) -> Verification:
        """Counts a try and then compares the code.

        Returns:
            VERIFIED; after a wrong code AWAITING_USER, or REJECTED when that was the last try; REJECTED too if all
            slots of the telephone are taken.

        Raises:
            Refusal: NOT_FOUND, EVIDENCE_MISMATCH, PHONE_CODE_SPENT, WRONG_STATE.
        """
        stored = store.get(unit.session, verification_id)
        verification = domain.submit(stored.verification, Method.PHONE_CODE, at=unit.now)
        if not hmac.compare_digest(stored.code_mac or b"", self._code_mac(verification_id, code)):
            verification = domain.count_wrong_code(verification, at=unit.now)
            if verification.state is VerificationState.REJECTED:
                return self._close(unit, verification)
            store.save(unit.session, verification, code_mac=stored.code_mac)
            return verification
        phone = self._vault.open(unit.session, verification_id)[CellField.PHONE]
        valid = timedelta(days=self._policy(unit.now).phone_valid_days)
        assurance = domain.assurance_by_form(Method.PHONE_CODE, at=unit.now, valid=valid)
        return self._settle(unit, verification, Number("phone", "", phone, checked=True), assurance)

    def other_accounts(self, session: Session, verification_id: str, number: Number, at: datetime) -> list[str]:
        """The other accounts of the holder of a number. Asked to know whether one of them is blacklisted.

        Raises:
            Refusal: NOT_FOUND.
        """
        account_id = store.get(session, verification_id).verification.account_id
        wanted = slots.tags(self._keys, number, cap=self._policy(at).accounts_per_person)
        return slots.other_accounts(session, account_id, wanted)

    def submit(
        self, unit: Unit, verification_id: str, method: Method, evidence: Evidence, *, barred: bool
    ) -> Verification:
        """Takes a name and a number.

        What comes back is VERIFIED, in REVIEW, or REJECTED because all slots are taken or another account of the holder
        bars it, in the same words: who tries out numbers learns nothing of others, and the holder had it in a notice.

        Raises:
            Refusal: NOT_FOUND, EVIDENCE_MISMATCH, WRONG_STATE.
        """
        session = unit.session
        verification = domain.submit(store.get(session, verification_id).verification, method, at=unit.now)
        wanted = slots.tags(self._keys, evidence.number, cap=self._policy(unit.now).accounts_per_person)
        other_before = slots.holds_other(session, verification.account_id, SlotClass.HOLDER, wanted)
        doubts = domain.doubts_about(evidence, other_number_before=other_before, today=unit.now.date())
        if barred:
            return self._close(unit, domain.reject(verification, VerificationReason.EVIDENCE_REFUSED, at=unit.now))
        self._put(unit, verification, _cells(evidence))
        if doubts:
            verification = domain.to_review(verification, doubts)
            store.save(session, verification)
            _audit(unit, "referred", verification)
            return verification
        assurance = domain.assurance_by_form(method, at=unit.now, valid=self._document_valid(unit.now))
        return self._settle(unit, verification, evidence.number, assurance)

    def decide(
        self,
        unit: Unit,
        verification_id: str,
        decision: Decision,
        *,
        reason: VerificationReason | None,
        attended: bool,
        reviewer_account_id: str,
    ) -> Verification:
        """Applies a reviewer's decision. An approval comes back REJECTED if all slots are taken.

        Raises:
            Refusal: NOT_FOUND, OWN_ACCOUNT, WRONG_STATE, INVALID_FIELD.
        """
        verification = store.get(unit.session, verification_id).verification
        domain.check_reviewer(verification, reviewer_account_id=reviewer_account_id, at=unit.now)
        if decision is Decision.REJECT:
            return self._close(unit, domain.reject(verification, VerificationReason.EVIDENCE_REFUSED, at=unit.now))
        if decision is Decision.RESUBMIT and reason:
            return self._close(unit, domain.resubmit(verification, reason, at=unit.now))
        assurance = domain.assurance_by_review(
            verification.method, attended=attended, at=unit.now, valid=self._document_valid(unit.now)
        )
        cells = self._vault.open(unit.session, verification_id)
        number = Number(
            cells[CellField.SCHEME].reveal(), cells[CellField.COUNTRY].reveal(), cells[CellField.NUMBER], checked=True
        )
        return self._settle(unit, verification, number, assurance)

    def expire(self, unit: Unit) -> None:
        """Records some of the verifications whose time has run out, and erases what came with them."""
        found = store.expired(unit.session, unit.now)
        self._vault.erase(unit.session, [each.verification_id for each in found])
        for verification in map(domain.expire, found):
            store.save(unit.session, verification)
            _audit(unit, "expired", verification)

    def _policy(self, at: datetime) -> IdentityPolicy:
        return self._schedule.at(at).identity

    def _document_valid(self, at: datetime) -> timedelta:
        return timedelta(days=self._policy(at).document_valid_days)

    def _settle(self, unit: Unit, verification: Verification, number: Number, assurance: Assurance) -> Verification:
        """Takes a slot and raises the account's level with it, or rejects the evidence."""
        session, account_id = unit.session, verification.account_id
        slot_class = SlotClass.PHONE if verification.method is Method.PHONE_CODE else SlotClass.HOLDER
        wanted = slots.tags(self._keys, number, cap=self._policy(unit.now).accounts_per_person)
        if not slots.take(session, account_id, slot_class, wanted):
            return self._close(unit, domain.reject(verification, VerificationReason.EVIDENCE_REFUSED, at=unit.now))
        self._vault.erase(session, store.verified_of(session, account_id, verification.method))
        verification = domain.verify(verification, assurance, at=unit.now)
        store.save(session, verification)
        account = account_rules.assure(accounts.get(session, account_id), assurance, at=unit.now)
        accounts.save(session, account)
        unit.change(account_id, account_message(account, at=unit.now))
        _audit(unit, "verified", verification, basis=assurance.basis)
        return verification

    def _close(self, unit: Unit, verification: Verification) -> Verification:
        """Records a verification whose evidence is of no more use, and erases that."""
        self._vault.erase(unit.session, [verification.verification_id])
        store.save(unit.session, verification)
        _audit(unit, "returned" if verification.decide_time is None else verification.state.lower(), verification)
        return verification

    def _put(self, unit: Unit, verification: Verification, cells: Cells) -> None:
        self._vault.put(unit.session, verification.account_id, verification.verification_id, cells, at=unit.now)

    def _code_mac(self, verification_id: str, code: Redacted[str]) -> bytes:
        return self._keys.mac(Purpose.PHONE_CODE, length_prefixed((verification_id.encode(), code.reveal().encode())))


def _cells(evidence: Evidence) -> dict[CellField, Redacted[str]]:
    cells = {
        CellField.NAME: evidence.name,
        CellField.NUMBER: evidence.number.value,
        CellField.SCHEME: Redacted(evidence.number.scheme),
        CellField.COUNTRY: Redacted(evidence.number.country),
        CellField.KIND: Redacted(evidence.kind),
    }
    if evidence.expiry:
        cells[CellField.EXPIRY_DATE] = Redacted(evidence.expiry.isoformat())
    return cells


def _audit(unit: Unit, done: str, verification: Verification, **facts: str) -> None:
    unit.audit(
        f"identity.verification.{done}",
        subject=Subject(account_id=verification.account_id),
        resource_id=verification.verification_id,
        facts={"method": verification.method, "state": verification.state, "level": verification.level, **facts},
    )
