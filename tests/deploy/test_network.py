"""Network policies and the contract's access options name the same callers, and services reach whom they call."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract import rpcs
from tests.support.manifests import Manifest, manifests, named

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "credit", "groups", "retention")


def allowed() -> dict[str, set[str]]:
    """By service, the workloads that some RPC of it lets in."""
    found: dict[str, set[str]] = defaultdict(set)
    for rpc in rpcs():
        found[rpc.method.service] |= rpc.method.rule.workloads
    return found


def selected(peers: list[Any]) -> set[str]:
    """The workloads that a rule's peers select."""
    return {
        workload
        for peer in peers
        for expression in peer["podSelector"]["matchExpressions"]
        for workload in expression["values"]
    }


@pytest.fixture(scope="module")
def policies() -> list[Manifest]:
    return manifests("production")


def test_everything_that_is_not_named_is_denied(policies: list[Manifest]) -> None:
    spec = named(policies, "NetworkPolicy", "default-deny")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("service", SERVICES)
def test_policy_lets_in_whom_the_contract_lets_in(policies: list[Manifest], service: str) -> None:
    (rule,) = named(policies, "NetworkPolicy", service)["spec"]["ingress"]
    assert selected(rule["from"]) == allowed()[service]
    assert rule["ports"] == [{"port": 7700}]
    inside, outside = rule["from"]
    assert "namespaceSelector" not in inside
    assert outside["namespaceSelector"] == {"matchLabels": {"ombud-callers": "allowed"}}
    assert selected([inside]) <= set(SERVICES)
    assert not selected([outside]) & set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_policy_lets_out_to_whom_the_contract_lets_in_and_the_code_calls_no_others(
    policies: list[Manifest], service: str
) -> None:
    (rule,) = named(policies, "NetworkPolicy", service)["spec"]["egress"]
    reached = selected(rule["to"])
    assert reached == {other for other, callers in allowed().items() if service in callers}
    called = {
        name
        for file in (ROOT / "services" / service).rglob("*.py")
        for name in re.findall(r"channel\(\"(\w+)\"\)", file.read_text())
    }
    assert called <= reached
