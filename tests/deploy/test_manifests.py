"""The manifests: valid for eight minors of Kubernetes, within the restricted standard, and in one with the code."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.integration.security.test_key_files import KEYS
from tests.support.manifests import OVERLAYS, VERSIONS, Manifest, manifests, named, of_kind, violations

SERVICES = ("identity", "credit", "groups", "retention")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlay_is_valid_and_within_the_restricted_standard(overlay: str) -> None:
    assert violations(manifests(overlay), digests=overlay == "production") == []


def test_namespace_enforces_the_restricted_standard() -> None:
    (namespace,) = of_kind(manifests("production"), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_each_service_has_what_it_runs_with(overlay: str) -> None:
    found = manifests(overlay)
    for service in SERVICES:
        name = f"ombud-{service}"
        for kind in ("Service", "ServiceAccount"):
            assert named(found, kind, name)["metadata"]["namespace"] == "ombud"
        assert named(found, "Service", name)["spec"]["clusterIP"] == "None"
        named(found, "Job", f"ombud-migration-{service}")
        if service == "retention":
            named(found, "StatefulSet", name)
            continue
        scaled = named(found, "HorizontalPodAutoscaler", name)["spec"]
        budget = named(found, "PodDisruptionBudget", name)["spec"]
        assert 0 < budget["minAvailable"] < scaled["minReplicas"] <= scaled["maxReplicas"]
        assert named(found, "Deployment", name)["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_shard_of_the_log_has_one_writer_and_keys_on_a_volume_of_their_own() -> None:
    shard = named(manifests("production"), "StatefulSet", "ombud-retention")["spec"]
    assert shard["replicas"] == 1
    assert {claim["metadata"]["name"] for claim in shard["volumeClaimTemplates"]} == {"data", "keys"}
    assert {claim["spec"]["accessModes"][0] for claim in shard["volumeClaimTemplates"]} == {"ReadWriteOncePod"}
    (container,) = shard["template"]["spec"]["containers"]
    assert {"name": "keys", "mountPath": "/var/lib/ombud/keys"} in container["volumeMounts"]


def test_small_overlay_keeps_one_writer_of_a_file() -> None:
    found = manifests("dev")
    assert not of_kind(found, "HorizontalPodAutoscaler", "PodDisruptionBudget")
    for deployment in of_kind(found, "Deployment"):
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def credit(found: list[Manifest]) -> Any:
    return named(found, "Deployment", "ombud-credit")["spec"]


def pod(found: list[Manifest]) -> Any:
    return credit(found)["template"]["spec"]


def container(found: list[Manifest]) -> Any:
    return pod(found)["containers"][0]


SPOILT: dict[str, Callable[[list[Manifest]], object]] = {
    "replicas as text": lambda found: credit(found).update(replicas="2"),
    "unknown field": lambda found: credit(found).update(replicaz=2),
    "probe port by name": lambda found: container(found)["readinessProbe"]["grpc"].update(port="health"),
    "no liveness probe": lambda found: container(found).pop("livenessProbe"),
    "root": lambda found: pod(found)["securityContext"].pop("runAsNonRoot"),
    "no seccomp profile": lambda found: pod(found)["securityContext"].pop("seccompProfile"),
    "escalation": lambda found: container(found)["securityContext"].pop("allowPrivilegeEscalation"),
    "capabilities": lambda found: container(found)["securityContext"]["capabilities"].update(drop=["NET_RAW"]),
    "writable root": lambda found: container(found)["securityContext"].update(readOnlyRootFilesystem=False),
    "host path": lambda found: pod(found)["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "API token": lambda found: pod(found).update(automountServiceAccountToken=True),
    "no limit": lambda found: container(found)["resources"].pop("limits"),
    "tag": lambda found: container(found).update(image="registry.example/ombud:0.1.0"),
    "no version": lambda found: container(found).update(image="ombud"),
    "not spread": lambda found: pod(found).pop("topologySpreadConstraints"),
    "service account": lambda found: pod(found).update(serviceAccountName="nobody"),
    "config map": lambda found: pod(found)["volumes"][0]["configMap"].update(name="nothing"),
    "key store": lambda found: pod(found)["volumes"][2]["csi"]["volumeAttributes"].update(
        secretProviderClass="nothing"
    ),
    "service selects nothing": lambda found: named(found, "Service", "ombud-credit")["spec"]["selector"].update(a="b"),
    "scales nothing": lambda found: named(found, "HorizontalPodAutoscaler", "ombud-credit")["spec"][
        "scaleTargetRef"
    ].update(name="ombud-debit"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_wrong_manifest_is_found(spoil: Callable[[list[Manifest]], object]) -> None:
    found = manifests("production")
    spoil(found)
    assert len(violations(found, digests=True, versions=VERSIONS[-1:])) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_certificate_names_the_workload_for_servers_and_its_host_for_clients(service: str) -> None:
    host, workload = f"ombud-{service}.ombud.svc.cluster.local", f"spiffe://ombud.local/{service}"
    issued = named(manifests("staging"), "Certificate", f"ombud-{service}")["spec"]
    assert (issued["dnsNames"], issued["uris"]) == ([host], [workload])
    kind = "StatefulSet" if service == "retention" else "Deployment"
    volumes = named(manifests("production"), kind, f"ombud-{service}")["spec"]["template"]["spec"]["volumes"]
    (mounted,) = [volume["csi"]["volumeAttributes"] for volume in volumes if volume["name"] == "certificate"]
    assert mounted["csi.cert-manager.io/dns-names"] == host
    assert mounted["csi.cert-manager.io/uri-sans"] == workload


@pytest.mark.parametrize("service", ["identity", "credit", "groups"])
def test_keys_come_from_the_key_store_into_memory_and_each_file_that_the_service_reads_is_there(service: str) -> None:
    found = manifests("production")
    spec = named(found, "Deployment", f"ombud-{service}")["spec"]["template"]["spec"]
    (mount,) = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "keys"]
    assert mount == {"name": "keys", "mountPath": "/var/lib/ombud/keys", "readOnly": True}
    assert not [volume["name"] for volume in spec["volumes"] if "secret" in volume]
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "keys"]
    assert volume["csi"]["driver"] == "secrets-store.csi.k8s.io"
    store = named(found, "SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"])["spec"]
    assert store.keys() == {"provider", "parameters"}, "no copy in a Secret"
    assert store["parameters"]["roleName"] == spec["serviceAccountName"]
    files = yaml.safe_load(store["parameters"]["objects"])
    assert [file["objectName"] for file in files] == KEYS[service]
    for file in files:
        assert file["secretKey"] == file["objectName"]
        assert (file["secretPath"], file["encoding"]) == (f"ombud/data/{service}", "base64")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_password_stands_in_a_manifest(overlay: str) -> None:
    found = manifests(overlay)
    assert not of_kind(found, "Secret")
    for service in of_kind(found, "ConfigMap"):
        for text in service.get("data", {}).values():
            assert "password" not in yaml.safe_dump(yaml.safe_load(text)).lower()
