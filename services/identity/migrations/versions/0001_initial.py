"""The first schema of the identity service."""

import sqlalchemy as sa
from alembic import op

from chassis.db import base_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates every table."""
    base_tables.create(op)
    _create_account()
    _create_vault()
    _create_verification()
    _create_agreement()
    _create_accreditation()


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("holder_kind", sa.String(), nullable=False),
        sa.Column("nickname", sa.String(64), nullable=False),
        sa.Column("nickname_time", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("grace_end_time", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=True),
        sa.Column("basis", sa.String(), nullable=True),
        sa.Column("verified_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name="pk_account"),
        sa.CheckConstraint("kind IN ('PERSONAL', 'PUBLIC')", name="ck_account_kind"),
        sa.CheckConstraint("holder_kind IN ('INDIVIDUAL', 'ORGANISATION', 'COMPANY')", name="ck_account_holder_kind"),
        sa.CheckConstraint("level IN ('L0', 'L1', 'L2', 'L3')", name="ck_account_level"),
        sa.CheckConstraint(
            "method IN ('PHONE_CODE', 'DOCUMENT_NUMBER', 'REGISTRATION_NUMBER')", name="ck_account_method"
        ),
        sa.CheckConstraint(
            "basis IN ('CODE_RETURNED', 'NUMBER_FORM', 'REVIEW', 'ATTENDED_REVIEW')", name="ck_account_basis"
        ),
        sa.CheckConstraint("kind <> 'PERSONAL' OR holder_kind = 'INDIVIDUAL'", name="ck_account_personal_holder"),
        sa.CheckConstraint(
            "(level = 'L0') = (method IS NULL) AND (level = 'L0') = (basis IS NULL)"
            " AND (level = 'L0') = (verified_until IS NULL)",
            name="ck_account_assurance_whole",
        ),
    )


def _create_vault() -> None:
    op.create_table(
        "key_service",
        sa.Column("singleton", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("singleton", name="pk_key_service"),
        sa.CheckConstraint("singleton = 1", name="ck_key_service_one_row"),
    )
    op.create_table(
        "data_key",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("key_id", sa.String(36), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_data_key"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_data_key_account_id_account"),
    )
    op.create_table(
        "cell",
        sa.Column("verification_id", sa.String(36), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("verification_id", "field", name="pk_cell"),
        sa.CheckConstraint(
            "field IN ('NAME', 'NUMBER', 'SCHEME', 'COUNTRY', 'KIND', 'EXPIRY_DATE', 'PHONE')", name="ck_cell_field"
        ),
    )


def _create_verification() -> None:
    op.create_table(
        "verification",
        sa.Column("verification_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("doubts", sa.String(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("code_mac", sa.LargeBinary(), nullable=True),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.Column("expire_time", sa.BigInteger(), nullable=False),
        sa.Column("submit_time", sa.BigInteger(), nullable=True),
        sa.Column("decide_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("verification_id", name="pk_verification"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_verification_account_id_account"),
        sa.CheckConstraint(
            "method IN ('PHONE_CODE', 'DOCUMENT_NUMBER', 'REGISTRATION_NUMBER')", name="ck_verification_method"
        ),
        sa.CheckConstraint(
            "state IN ('AWAITING_USER', 'REVIEW', 'VERIFIED', 'REJECTED', 'EXPIRED', 'SUPERSEDED')",
            name="ck_verification_state",
        ),
        sa.CheckConstraint(
            "reason IN ('UNREADABLE', 'DOCUMENT_NOT_VALID', 'TRIES_USED', 'EVIDENCE_REFUSED')",
            name="ck_verification_reason",
        ),
        sa.CheckConstraint("level IN ('L0', 'L1', 'L2', 'L3')", name="ck_verification_level"),
        sa.CheckConstraint("tries_left >= 0", name="ck_verification_tries_left"),
    )
    op.create_index("ix_verification_account_id", "verification", ["account_id", "create_time"])
    op.create_index("ix_verification_state", "verification", ["state", "verification_id"])
    op.create_table(
        "slot",
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("slot_class", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tag", name="pk_slot"),
        sa.UniqueConstraint("account_id", "slot_class", name="uq_slot_account_id_slot_class"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_slot_account_id_account"),
        sa.CheckConstraint("slot_class IN ('HOLDER', 'PHONE')", name="ck_slot_slot_class"),
    )


def _create_agreement() -> None:
    op.create_table(
        "agreement",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("terms_sha256", sa.String(64), nullable=False),
        sa.Column("effective_time", sa.BigInteger(), nullable=False),
        sa.Column("publish_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_agreement"),
        sa.CheckConstraint("version >= 1", name="ck_agreement_version"),
    )
    op.create_table(
        "signature",
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("agreement_name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("terms_sha256", sa.String(64), nullable=False),
        sa.Column("sign_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "agreement_name", "version", name="pk_signature"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_signature_account_id_account"),
        sa.ForeignKeyConstraint(
            ["agreement_name", "version"], ["agreement.name", "agreement.version"], name="fk_signature_agreement"
        ),
    )


def _create_accreditation() -> None:
    op.create_table(
        "accreditation",
        sa.Column("accreditation_id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("nickname", sa.String(64), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("apply_time", sa.BigInteger(), nullable=False),
        sa.Column("grant_time", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("accreditation_id", name="pk_accreditation"),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name="fk_accreditation_account_id_account"),
        sa.CheckConstraint("state IN ('PENDING', 'GRANTED', 'SUPERSEDED')", name="ck_accreditation_state"),
        sa.CheckConstraint("state <> 'GRANTED' OR grant_time IS NOT NULL", name="ck_accreditation_granted_when"),
    )
    op.create_index("ix_accreditation_account_id", "accreditation", ["account_id", "state"])
