"""The four services, by name: their settings, and what puts them together."""

from collections.abc import Callable
from typing import Any

from chassis.service import Platform, Service
from services.credit.config import CreditConfig
from services.credit.wiring import build as build_credit
from services.groups.config import GroupsConfig
from services.groups.wiring import build as build_groups
from services.identity.config import IdentityConfig
from services.identity.wiring import build as build_identity
from services.retention.config import RetentionConfig
from services.retention.wiring import build as build_retention

# Retention comes first: the others deliver their audit records to it.
SERVICES: dict[str, tuple[type[Any], Callable[[Any, Platform], Service]]] = {
    "retention": (RetentionConfig, build_retention),
    "identity": (IdentityConfig, build_identity),
    "credit": (CreditConfig, build_credit),
    "groups": (GroupsConfig, build_groups),
}
