"""The four services, by name."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, get_type_hints

from chassis.service import Platform, Service

# Retention comes first: the others deliver their audit records to it.
SERVICES = ("retention", "identity", "credit", "groups")


def parts_of(service: str) -> tuple[type[Any], Callable[[Any, Platform], Service]]:
    """The type of a service's settings, and what puts it together.

    Loaded only now: a process that serves one service starts without the other three.
    """
    build: Callable[[Any, Platform], Service] = import_module(f"services.{service}.wiring").build
    return get_type_hints(build)["config"], build
