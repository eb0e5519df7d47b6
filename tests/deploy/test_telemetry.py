"""The collector, the alerts and the dashboard know the telemetry that is declared, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.clock import SystemClock
from ombudctl.dev_ca import WORKLOADS, Authority
from tests.support.manifests import DEPLOY, manifests, named, of_kind
from tests.support.telemetry import DECLARED, IN_PROMETHEUS

ROOT = DEPLOY.parent
COLLECTOR = yaml.safe_load((DEPLOY / "kustomize/components/collector/collector.yaml").read_text("utf-8"))
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "telemetry" / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((DEPLOY / "telemetry" / "dashboard.json").read_text("utf-8"))
# What Prometheus calls the name and the instance of a process.
OF_PROMETHEUS = {"job", "instance", "le"}


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in ALERTS)
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def asked_for(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:ombud|rpc_server)_\w+", re.sub(r"\{[^}]*\}|by \([^)]*\)", "", expression)))


def labels_in(expression: str) -> set[str]:
    matched = {label for braces in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)[=!]", braces)}
    return matched | {
        label for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.replace(" ", "").split(",")
    }


def test_collector_lets_through_what_is_declared_and_no_more() -> None:
    allowed = COLLECTOR["processors"]["redaction"]
    assert allowed["allow_all_keys"] is False
    assert allowed["allowed_keys"] == sorted(DECLARED["attributes"].keys() | DECLARED["resource"].keys())
    for pipeline in COLLECTOR["service"]["pipelines"].values():
        assert "redaction" in pipeline["processors"]


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_services_send_to_the_collector_that_listens(overlay: str) -> None:
    found = manifests(overlay)
    (service,) = [each for each in of_kind(found, "Service") if each["metadata"]["name"] == "collector"]
    port = next(each["port"] for each in service["spec"]["ports"] if each["name"] == "otlp")
    assert COLLECTOR["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].endswith(f":{port}")
    for name in ("identity", "credit", "groups", "retention"):
        kind = "StatefulSet" if name == "retention" else "Deployment"
        volumes = named(found, kind, f"ombud-{name}")["spec"]["template"]["spec"]["volumes"]
        config = next(volume["configMap"]["name"] for volume in volumes if volume["name"] == "config")
        telemetry = yaml.safe_load(named(found, "ConfigMap", config)["data"]["40-telemetry.yaml"])
        (host,) = named(found, "Certificate", "collector")["spec"]["dnsNames"]
        assert telemetry["server"]["otlp"]["endpoint"] == f"{host}:{port}"


def test_collector_shows_the_certificate_that_it_is_given_and_asks_for_one() -> None:
    found = manifests("production")
    pod = named(found, "Deployment", "collector")["spec"]["template"]["spec"]
    (mount,) = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "certificate"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "certificate"]
    issued = named(found, "Certificate", "collector")["spec"]
    assert volume["secret"]["secretName"] == issued["secretName"]
    shown = COLLECTOR["receivers"]["otlp"]["protocols"]["grpc"]["tls"]
    assert {shown[field] for field in ("cert_file", "key_file", "client_ca_file")} == {
        f"{mount['mountPath']}/{name}" for name in ("tls.crt", "tls.key", "ca.crt")
    }


def test_collector_under_compose_has_a_certificate_of_the_throw_away_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path, SystemClock().now())
    made = {f"/certificates/{path.name}" for path in authority.workload("collector").model_dump().values()}
    own = yaml.safe_load((DEPLOY / "compose" / "collector.yaml").read_text("utf-8"))
    assert set(own["receivers"]["otlp"]["protocols"]["grpc"]["tls"].values()) == made
    assert "collector" in WORKLOADS


def test_alerts_and_dashboard_ask_for_metrics_and_labels_that_are_declared() -> None:
    for expression in expressions():
        names = asked_for(expression)
        assert names, expression
        assert names <= IN_PROMETHEUS.keys(), expression
        declared = {
            label.replace(".", "_") for name in names for label in DECLARED["metrics"][IN_PROMETHEUS[name]]["labels"]
        }
        assert labels_in(expression) <= declared | OF_PROMETHEUS, expression


def test_dashboard_shows_every_metric() -> None:
    shown = {IN_PROMETHEUS[name] for expression in expressions() for name in asked_for(expression)}
    assert shown == DECLARED["metrics"].keys()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_alert_says_how_urgent_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert re.fullmatch(r"[0-9]+[mh]", rule["for"])
    runbook = ROOT / rule["annotations"]["runbook_url"]
    assert runbook.name == f"{rule['alert']}.md"
    text = runbook.read_text("utf-8")
    assert text.startswith(f"# {rule['alert']}\n")
    assert "\n## Do\n" in text
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (runbook.parent / link).exists(), link


def test_every_runbook_of_an_alert_has_its_alert() -> None:
    written = {path.stem for path in Path(ROOT / "docs" / "runbooks" / "alerts").iterdir()}
    assert written == {rule["alert"] for rule in ALERTS}
