"""Destroys referrals at the end of their term."""

from chassis.db import Unit
from services.credit import wire
from services.credit.referrals import domain, store
from services.credit.sanctions import store as sanctions


def destroy(unit: Unit, referral_id: str) -> None:
    """Destroys a referral whose term is over. The audit record goes to the tamper-evident log with the hash."""
    referral = store.get(unit.session, referral_id)
    certificate = domain.destroy(referral, at=unit.now)
    if certificate is None:
        return
    store.destroy(unit.session, certificate)
    unit.audit(
        "credit.referral.destroyed",
        subject=wire.subject_message(sanctions.get(unit.session, referral.sanction_id).subject),
        resource_id=referral_id,
        facts={"record_sha256": certificate.record_sha256, "kept_until": certificate.kept_until.isoformat()},
    )
