"""The settings that the manifests and the compose file bring are settings that the services read."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.config import load
from chassis.process import ProcessConfig
from services.credit.config import CreditConfig
from services.groups.config import GroupsConfig
from services.identity.config import IdentityConfig
from services.retention.config import RetentionConfig
from tests.support.contract import rpcs
from tests.support.manifests import DEPLOY, OVERLAYS, manifests, named, of_kind

CONFIGS: dict[str, type[ProcessConfig[Any]]] = {
    "identity": ProcessConfig[IdentityConfig],
    "credit": ProcessConfig[CreditConfig],
    "groups": ProcessConfig[GroupsConfig],
    "retention": ProcessConfig[RetentionConfig],
}


def mounted(overlay: str, service: str, folder: Path) -> Path:
    """The folder that the service's pod finds at /etc/ombud."""
    found = manifests(overlay)
    kind = "StatefulSet" if service == "retention" else "Deployment"
    spec = named(found, kind, f"ombud-{service}")["spec"]["template"]["spec"]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "config"]
    for name, content in named(found, "ConfigMap", volume["configMap"]["name"])["data"].items():
        (folder / name).write_text(content)
    assert spec["containers"][0]["args"] == ["serve", service, "--config", "/etc/ombud"]
    return folder


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("service", CONFIGS)
def test_service_reads_its_settings_in_the_cluster(overlay: str, service: str, tmp_path: Path) -> None:
    config = load(CONFIGS[service], mounted(overlay, service, tmp_path))
    backend = "sqlite" if overlay == "dev" else "postgresql"
    assert config.service.database_url.startswith(backend)
    assert config.server.tls is not None
    assert config.server.listen == "0.0.0.0:7700"
    ports = {port["port"] for each in of_kind(manifests(overlay), "Service") for port in each["spec"]["ports"]}
    hosts = {f"ombud-{name}.ombud.svc.cluster.local:7700" for name in CONFIGS}
    assert {target.removeprefix("dns:///") for target in config.server.peers.values()} <= hosts
    assert 7700 in ports


@pytest.mark.parametrize("service", CONFIGS)
def test_example_names_an_account_for_each_workload_and_a_role_for_each_of_the_contract(
    service: str, tmp_path: Path
) -> None:
    server = load(CONFIGS[service], mounted("production", service, tmp_path)).server
    rules = [rpc.method.rule for rpc in rpcs()]
    assert set(server.workloads.values()) == {workload for rule in rules for workload in rule.workloads}
    assert server.people is not None
    assert not server.token_keys
    assert set(server.people.roles.values()) == {role for rule in rules for role in rule.roles}
    egress = named(manifests("production"), "NetworkPolicy", "people")["spec"]
    (selected,) = egress["podSelector"]["matchExpressions"]
    assert service in selected["values"]
    assert egress["egress"][0]["ports"] == [{"port": 443}]


@pytest.mark.parametrize("service", CONFIGS)
def test_service_reads_its_settings_under_compose(service: str) -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    config = load(CONFIGS[service], DEPLOY / "compose" / service)
    hosts = {target.removeprefix("dns:///").partition(":")[0] for target in config.server.peers.values()}
    assert hosts <= compose["services"].keys()
    assert compose["services"][f"ombud-{service}"]["command"] == ["serve", service, "--config", "/etc/ombud"]
    assert compose["services"][f"migrate-{service}"]["command"] == ["migrate", service, "--config", "/etc/ombud"]


def test_compose_runs_without_privileges_and_makes_each_database() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    ours = [service for service in compose["services"].values() if service["image"] == "ombud"]
    assert len(ours) == 9
    for service in ours:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    made = (DEPLOY / "compose" / "databases.sql").read_text()
    assert all(f"CREATE DATABASE {service};" in made for service in CONFIGS)
