"""The rules by which the EU DSA Transparency Database takes a statement (schema version 2).

Written from the database's own form of them: `app/Http/Requests/StatementStoreRequest.php` and
`app/Models/Statement.php` of github.com/digital-services-act/transparency-database, June 2026.
"""

import re
from datetime import date
from typing import Any

REQUIRED = {
    "puid",
    "decision_ground",
    "content_type",
    "category",
    "content_date",
    "application_date",
    "decision_facts",
    "source_type",
    "automated_detection",
    "automated_decision",
}
# Without one of these there is no decision.
DECISIONS = {"decision_visibility", "decision_monetary", "decision_provision", "decision_account"}
# Required with the value of another field, and taken with that alone.
ONLY_WITH = {
    "illegal_content_legal_ground": ("decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"),
    "illegal_content_explanation": ("decision_ground", "DECISION_GROUND_ILLEGAL_CONTENT"),
    "incompatible_content_ground": ("decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"),
    "incompatible_content_explanation": ("decision_ground", "DECISION_GROUND_INCOMPATIBLE_CONTENT"),
    "content_type_other": ("content_type", "CONTENT_TYPE_OTHER"),
    "decision_visibility_other": ("decision_visibility", "DECISION_VISIBILITY_OTHER"),
    "decision_monetary_other": ("decision_monetary", "DECISION_MONETARY_OTHER"),
}
MOST_CHARACTERS = {
    "puid": 500,
    "illegal_content_legal_ground": 500,
    "illegal_content_explanation": 2000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2000,
    "content_type_other": 500,
    "decision_facts": 5000,
}
PUID = re.compile(r"[a-zA-Z0-9-_]+")
VALUES = {
    "decision_provision": {
        "DECISION_PROVISION_PARTIAL_SUSPENSION",
        "DECISION_PROVISION_TOTAL_SUSPENSION",
        "DECISION_PROVISION_PARTIAL_TERMINATION",
        "DECISION_PROVISION_TOTAL_TERMINATION",
    },
    "decision_account": {"DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED"},
    "decision_ground": {"DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"},
    "content_type": {
        "CONTENT_TYPE_APP",
        "CONTENT_TYPE_AUDIO",
        "CONTENT_TYPE_IMAGE",
        "CONTENT_TYPE_PRODUCT",
        "CONTENT_TYPE_SYNTHETIC_MEDIA",
        "CONTENT_TYPE_TEXT",
        "CONTENT_TYPE_VIDEO",
        "CONTENT_TYPE_OTHER",
    },
    "category": {
        "STATEMENT_CATEGORY_ANIMAL_WELFARE",
        "STATEMENT_CATEGORY_CONSUMER_INFORMATION",
        "STATEMENT_CATEGORY_CYBER_VIOLENCE",
        "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN",
        "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
        "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
        "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
        "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        "STATEMENT_CATEGORY_SELF_HARM",
        "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS",
        "STATEMENT_CATEGORY_VIOLENCE",
    },
    "source_type": {
        "SOURCE_ARTICLE_16",
        "SOURCE_TRUSTED_FLAGGER",
        "SOURCE_TYPE_OTHER_NOTIFICATION",
        "SOURCE_VOLUNTARY",
    },
    "automated_detection": {"Yes", "No"},
    "automated_decision": {
        "AUTOMATED_DECISION_FULLY",
        "AUTOMATED_DECISION_PARTIALLY",
        "AUTOMATED_DECISION_NOT_AUTOMATED",
    },
}
DAYS = {
    "content_date": (date(2000, 1, 1), date(2038, 1, 1)),
    "application_date": (date(2020, 1, 1), date(2038, 1, 1)),
    "end_date_service_restriction": (date.min, date(2038, 1, 1)),
    "end_date_account_restriction": (date.min, date(2038, 1, 1)),
}


def violations(statement: dict[str, Any]) -> list[str]:
    """The fields of a statement, as JSON, that break a rule; left out means not there."""
    known = REQUIRED | DECISIONS | ONLY_WITH.keys() | DAYS.keys()
    broken = sorted(statement.keys() - known) + sorted(REQUIRED - statement.keys())
    broken += [] if DECISIONS & statement.keys() else ["decision"]
    broken += [
        field
        for field, (other, value) in ONLY_WITH.items()
        if (value in statement.get(other, "")) is not (field in statement)
    ]
    broken += [field for field, most in MOST_CHARACTERS.items() if len(statement.get(field, "")) > most]
    for field, values in VALUES.items():
        given = statement.get(field, [])
        broken += [] if values >= set([given] if isinstance(given, str) else given) else [field]
    for field, (first, last) in DAYS.items():
        broken += [] if field not in statement or first <= date.fromisoformat(statement[field]) <= last else [field]
    return broken if PUID.fullmatch(statement.get("puid", "")) else [*broken, "puid"]
