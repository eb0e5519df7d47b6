"""The schema of a policy pack.

A pack is immutable: what is published under an id and a version never changes, and decisions pin its content
hash. Every setting cites the article, or the promise of the project, that it serves.
"""

import hashlib
import json
from datetime import UTC
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

SIX_MONTHS_DAYS = 184
"""The longest six months of any year, in days."""

LEAST_FLOOR_DAYS = {"chat": SIX_MONTHS_DAYS}
"""By class of records, the shortest floor that a pack or a person may set, in days; 1 for the others."""

RETENTION_CLASSES = frozenset({"chat", "audit", "register"})
"""What records are kept as: chat, the suite's audit trail, and the register of accesses and holds."""

LEAST_SPAN_DAYS = 2
"""So much later than the floor is the ceiling at least: a UTC day of records ends at once."""

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Count = Annotated[StrictInt, Field(ge=0, le=1_000_000)]
Points = Annotated[StrictInt, Field(ge=0, le=100)]
Days = Annotated[StrictInt, Field(ge=1, le=36_525)]


class MeasureKind(StrEnum):
    """What a sanction may do, from the mildest step of the ladder to the gravest."""

    WARNED = "WARNED"
    RECTIFICATION_ORDERED = "RECTIFICATION_ORDERED"
    JOINING_SUSPENDED = "JOINING_SUSPENDED"
    MEDIA_SUSPENDED = "MEDIA_SUSPENDED"
    PUBLISHING_SUSPENDED = "PUBLISHING_SUSPENDED"
    MANAGEMENT_SUSPENDED = "MANAGEMENT_SUSPENDED"
    MANAGEMENT_CANCELLED = "MANAGEMENT_CANCELLED"
    GROUP_CREATION_CANCELLED = "GROUP_CREATION_CANCELLED"
    GROUP_SUSPENDED = "GROUP_SUSPENDED"
    UPDATES_SUSPENDED = "UPDATES_SUSPENDED"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    GROUP_CLOSED = "GROUP_CLOSED"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    BLACKLISTED = "BLACKLISTED"


class RemedyKind(StrEnum):
    """What wins points back."""

    COURSE = "COURSE"
    CURE = "CURE"


class Ground(StrEnum):
    """Whether a rule rests on the law or on the platform's terms (DSA Art. 17(3)(d) and (e))."""

    ILLEGAL = "ILLEGAL"
    TERMS = "TERMS"


class Category(StrEnum):
    """Categories of the EU DSA Transparency Database, schema version 2."""

    ANIMAL_WELFARE = "ANIMAL_WELFARE"
    CONSUMER_INFORMATION = "CONSUMER_INFORMATION"
    CYBER_VIOLENCE = "CYBER_VIOLENCE"
    CYBER_VIOLENCE_AGAINST_WOMEN = "CYBER_VIOLENCE_AGAINST_WOMEN"
    DATA_PROTECTION_AND_PRIVACY_VIOLATIONS = "DATA_PROTECTION_AND_PRIVACY_VIOLATIONS"
    ILLEGAL_OR_HARMFUL_SPEECH = "ILLEGAL_OR_HARMFUL_SPEECH"
    INTELLECTUAL_PROPERTY_INFRINGEMENTS = "INTELLECTUAL_PROPERTY_INFRINGEMENTS"
    NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS = "NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS"
    NOT_SPECIFIED_NOTICE = "NOT_SPECIFIED_NOTICE"
    OTHER_VIOLATION_TC = "OTHER_VIOLATION_TC"
    PROTECTION_OF_MINORS = "PROTECTION_OF_MINORS"
    RISK_FOR_PUBLIC_SECURITY = "RISK_FOR_PUBLIC_SECURITY"
    SCAMS_AND_FRAUD = "SCAMS_AND_FRAUD"
    SELF_HARM = "SELF_HARM"
    UNSAFE_AND_PROHIBITED_PRODUCTS = "UNSAFE_AND_PROHIBITED_PRODUCTS"
    VIOLENCE = "VIOLENCE"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cited(_Strict):
    """A section in which every setting names, under `serves`, the article that it serves."""

    serves: dict[str, Text]

    @model_validator(mode="after")
    def _every_setting_is_cited(self) -> Self:
        settings = set(type(self).model_fields) - {"serves"}
        if missing := sorted(settings - set(self.serves)):
            raise ValueError(f"serves names no article for: {', '.join(missing)}")
        if unknown := sorted(set(self.serves) - settings):
            raise ValueError(f"serves names settings that do not exist: {', '.join(unknown)}")
        return self


class IdentityPolicy(Cited):
    """What the identity service applies."""

    accounts_per_person: Annotated[StrictInt, Field(ge=1, le=100)]
    legacy_grace_days: Days
    phone_code_minutes: Annotated[StrictInt, Field(ge=1, le=60)]
    phone_code_attempts: Annotated[StrictInt, Field(ge=1, le=10)]
    phone_valid_days: Days
    document_valid_days: Days


class GroupsPolicy(Cited):
    """What the groups service applies."""

    code_digits: Annotated[StrictInt, Field(ge=6, le=12)]
    tip_off_reply_days: Annotated[StrictInt, Field(ge=1, le=90)]
    tip_off_contest_days: Annotated[StrictInt, Field(ge=SIX_MONTHS_DAYS, le=3650)]
    least_cure_hours: Annotated[StrictInt, Field(ge=1, le=24 * 90)]


class RetentionClass(_Strict):
    """How long one class of records is kept: at least the floor, at most the ceiling, in days."""

    floor_days: Days
    ceiling_days: Days
    serves: Text

    @model_validator(mode="after")
    def _floor_below_ceiling(self) -> Self:
        if self.ceiling_days < self.floor_days + LEAST_SPAN_DAYS:
            raise ValueError(f"ceiling_days must be greater than floor_days by at least {LEAST_SPAN_DAYS}")
        return self


class AccessPolicy(Cited):
    """Bounds on an approved access to retained records."""

    window_hours_most: Annotated[StrictInt, Field(ge=1, le=24 * 90)]


class RetentionPolicy(_Strict):
    """What the retention service applies."""

    classes: dict[Name, RetentionClass]
    access: AccessPolicy

    @model_validator(mode="after")
    def _every_class_is_kept_long_enough(self) -> Self:
        if set(self.classes) != RETENTION_CLASSES:
            raise ValueError(f"classes must be exactly: {', '.join(sorted(RETENTION_CLASSES))}")
        for name, least in LEAST_FLOOR_DAYS.items():
            if self.classes[name].floor_days < least:
                raise ValueError(f"{name}: floor_days must be at least {least}")
        return self


class Entitlements(_Strict):
    """What an account may do with groups while it is in a tier."""

    may_create_group: StrictBool
    most_groups_owned: Count
    most_groups_joined: Count
    group_class: Name
    most_group_members: Count

    def at_most(self, other: "Entitlements") -> bool:
        """Whether no entitlement here is greater than in `other`."""
        return (
            self.may_create_group <= other.may_create_group
            and self.most_groups_owned <= other.most_groups_owned
            and self.most_groups_joined <= other.most_groups_joined
            and self.most_group_members <= other.most_group_members
        )


class Tier(_Strict):
    """A band of active points, from `from_points` up to the next tier's.

    Who is in it leaves it for a better one when the points fall below `recovers_below`, which is `from_points` if not
    given: a lower figure keeps small changes from moving an account to and fro.
    """

    name: Name
    from_points: Points
    recovers_below: Points | None = None
    entitlements: Entitlements

    @property
    def held_from(self) -> int:
        """The fewest points that keep an account in the tier."""
        return self.from_points if self.recovers_below is None else self.recovers_below


class Rule(_Strict):
    """A clause that conduct can breach, with the points and the measures that may answer a breach.

    `first_step` is the gravest measure that answers a first breach without a justification of its own; each later
    sanction may go one step further. Without it every measure of the rule is a first step.
    """

    id: Name
    title: Text
    article: Text
    clause: Text
    ground: Ground
    category: Category
    points_least: Points
    points_most: Points
    points_days: Days
    measures: Annotated[tuple[MeasureKind, ...], Field(min_length=1)]
    first_step: MeasureKind | None = None

    @model_validator(mode="after")
    def _first_step_is_a_measure(self) -> Self:
        if self.first_step is not None and self.first_step not in self.measures:
            raise ValueError("first_step must be one of measures")
        return self

    @model_validator(mode="after")
    def _points_in_order(self) -> Self:
        if self.points_most < self.points_least:
            raise ValueError("points_most must not be less than points_least")
        return self

    @cached_property
    def clause_hash(self) -> str:
        """SHA-256 of the clause in UTF-8, hexadecimal: what a decision pins."""
        return hashlib.sha256(self.clause.encode()).hexdigest()


class MeasureCap(_Strict):
    """The longest term of a measure, in days, and whether it may be imposed without an end."""

    days_most: Days
    indefinite: StrictBool = False


class RemedyPolicy(_Strict):
    """The points that each remedy wins back, and the most of them in any `within_days`."""

    points: Annotated[dict[RemedyKind, Annotated[StrictInt, Field(ge=1, le=100)]], Field(min_length=1)]
    points_most: Annotated[StrictInt, Field(ge=1, le=100)]
    within_days: Days


class CreditPolicy(Cited):
    """What the credit service applies. Rules cite their own articles."""

    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    remedies: RemedyPolicy
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    measures: dict[MeasureKind, MeasureCap]
    appeal_window_days: Annotated[StrictInt, Field(ge=SIX_MONTHS_DAYS, le=3650)]
    appeal_decision_days: Annotated[StrictInt, Field(ge=1, le=90)]
    blacklist_days_most: Days
    indefinite_review_days: Annotated[StrictInt, Field(ge=1, le=366)]
    referral_days: Days
    blind_review_percent: Annotated[StrictInt, Field(ge=0, le=100)]

    @model_validator(mode="after")
    def _tiers_descend(self) -> Self:
        if self.tiers[0].from_points != 0 or self.tiers[0].held_from != 0:
            raise ValueError("the first tier must start from 0 points")
        for better, worse in pairwise(self.tiers):
            if worse.from_points <= better.from_points:
                raise ValueError(f"tier {worse.name} must start from more points than tier {better.name}")
            if not better.from_points < worse.held_from <= worse.from_points:
                raise ValueError(f"recovers_below of tier {worse.name} must lie within tier {better.name}")
            if not worse.entitlements.at_most(better.entitlements):
                raise ValueError(f"tier {worse.name} must not entitle to more than tier {better.name}")
        return self

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> Self:
        _refuse_repeated("tier", [tier.name for tier in self.tiers])
        _refuse_repeated("rule", [rule.id for rule in self.rules])
        for rule in self.rules:
            if unknown := [kind for kind in rule.measures if kind not in self.measures]:
                raise ValueError(f"rule {rule.id} allows measures without a cap: {', '.join(unknown)}")
        blacklisted = self.measures.get(MeasureKind.BLACKLISTED)
        if blacklisted and (blacklisted.indefinite or blacklisted.days_most > self.blacklist_days_most):
            raise ValueError("a blacklist entry needs a term of at most blacklist_days_most")
        return self

    def tier_of(self, points: int, before: Tier | None = None) -> Tier:
        """The tier of an account with so many active points, that was in the tier `before` until now.

        Without one, the account enters at the points that it has.
        """
        ceiling = -1 if before is None else before.from_points
        return next(
            tier
            for tier in reversed(self.tiers)
            if tier.from_points <= points or (tier.from_points <= ceiling and tier.held_from <= points)
        )

    def rule(self, rule_id: str) -> Rule | None:
        """The rule by its id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


class Evidence(StrEnum):
    """What a running suite can show for an obligation; `ombud prove` asks for it."""

    STATEMENTS = "STATEMENTS"
    NOTICES = "NOTICES"
    SECOND_PERSONS = "SECOND_PERSONS"
    ENDS = "ENDS"
    PINNED_RULES = "PINNED_RULES"
    APPEAL_WINDOWS = "APPEAL_WINDOWS"
    APPEALS = "APPEALS"
    REVIEWERS = "REVIEWERS"
    BLACKLIST_TERMS = "BLACKLIST_TERMS"
    REFERRALS = "REFERRALS"
    PUBLICATIONS = "PUBLICATIONS"
    TIP_OFFS = "TIP_OFFS"
    DISCLOSURES = "DISCLOSURES"
    PACK_IN_FORCE = "PACK_IN_FORCE"
    AGREEMENT = "AGREEMENT"
    VERIFIED_ACCOUNTS = "VERIFIED_ACCOUNTS"
    RETENTION_TERMS = "RETENTION_TERMS"
    SIGNED_LOG = "SIGNED_LOG"
    AUDIT_PROOFS = "AUDIT_PROOFS"
    HOLDS = "HOLDS"
    CERTIFICATES = "CERTIFICATES"


class Obligation(_Strict):
    """What an article demands, and the evidence that shows whether it is done."""

    article: Text
    duty: Text
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]


class Pack(_Strict):
    """A policy pack: one immutable version of everything that an operator may set."""

    id: Name
    version: Name
    title: Text
    effective_at: Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
    identity: IdentityPolicy
    credit: CreditPolicy
    groups: GroupsPolicy
    retention: RetentionPolicy
    obligations: tuple[Obligation, ...] = ()

    @property
    def canonical(self) -> str:
        """The content as JSON with sorted keys: the same for every file that says the same."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical content in UTF-8, hexadecimal."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()


def _refuse_repeated(noun: str, names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{noun} named twice: {', '.join(repeated)}")
