"""Kubernetes manifests as `kubectl kustomize` builds them, and what is wrong with them."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

DEPLOY = Path(__file__).parents[2] / "deploy"
OVERLAYS = ("dev", "staging", "production")
# The last eight minors of Kubernetes that the schemas of `kubernetes-validate` know.
VERSIONS = tuple(f"1.{minor}" for minor in range(30, 38))
_SCHEMAS = files("kubernetes_validate") / "kubernetes-json-schema"
# Kinds that Kubernetes itself does not have: schemas of cert-manager and of the CSI driver are not in the validator.
_CUSTOM = {"Certificate", "SecretProviderClass"}

Manifest = dict[str, Any]


@cache
def built(overlay: str) -> str:
    """The manifests of an overlay, as YAML."""
    folder = DEPLOY / "kustomize" / "overlays" / overlay
    return subprocess.run(  # noqa: S603 - our own folder
        ["kubectl", "kustomize", str(folder)],  # noqa: S607 - found where the machine keeps it
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def manifests(overlay: str) -> list[Manifest]:
    """The manifests of an overlay, fresh, so that a test may spoil them."""
    return list(yaml.load_all(built(overlay), yaml.CSafeLoader))


def of_kind(found: list[Manifest], *kinds: str) -> list[Manifest]:
    """Those of certain kinds."""
    return [manifest for manifest in found if manifest["kind"] in kinds]


def named(found: list[Manifest], kind: str, name: str) -> Manifest:
    """The one of a kind with a name."""
    (manifest,) = [each for each in of_kind(found, kind) if each["metadata"]["name"] == name]
    return manifest


def pods(found: list[Manifest]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The pod templates, each with the name of what makes pods of it."""
    for manifest in of_kind(found, "Deployment", "StatefulSet", "Job"):
        yield f"{manifest['kind']}/{manifest['metadata']['name']}", manifest["spec"]["template"]


def violations(found: list[Manifest], *, digests: bool, versions: Sequence[str] = VERSIONS) -> list[str]:
    """What breaks a schema of Kubernetes or one of our own rules.

    Args:
        found: The manifests.
        digests: Whether images must be given by digest.
        versions: Of Kubernetes, for which the manifests must be valid.
    """
    return [
        *(text for manifest in found for text in _schema(manifest, versions)),
        *(f"{name}: {text}" for name, template in pods(found) for text in _pod(template["spec"])),
        *(
            f"{name}: {text}"
            for name, template in pods(found)
            for container in template["spec"]["containers"]
            for text in _container(container, digests=digests)
        ),
        *(text for manifest in of_kind(found, "Deployment", "StatefulSet") for text in _probes(manifest)),
        *_references(found),
    ]


def _schema(manifest: Manifest, versions: Sequence[str]) -> Iterator[str]:
    """The first thing that is wrong, in the first version that finds it wrong. Unknown fields are wrong too."""
    if manifest["kind"] in _CUSTOM:
        return
    group, _, version = manifest["apiVersion"].rpartition("/")
    schema = "-".join(filter(None, (manifest["kind"].lower(), group.partition(".")[0], version)))
    for minor in versions:
        for error in _validator(minor, schema).iter_errors(manifest):
            yield f"{manifest['kind']}/{manifest['metadata']['name']}: {minor}: {error.json_path}: {error.message}"
            return


@cache
def _validator(minor: str, schema: str) -> Draft202012Validator:
    content = json.loads(_folder(minor).joinpath(f"{schema}.json").read_text())
    return Draft202012Validator(content, registry=_definitions(minor))


@cache
def _definitions(minor: str) -> Registry[Any]:
    content = json.loads(_folder(minor).joinpath("_definitions.json").read_text())
    return (Resource.from_contents(content) @ Registry()).crawl()


@cache
def _folder(minor: str) -> Any:
    (folder,) = [each for each in _SCHEMAS.iterdir() if each.name.startswith(f"v{minor}.") and "strict" in each.name]
    return folder


def _pod(spec: Mapping[str, Any]) -> Iterator[str]:
    """The restricted Pod Security Standard for pods, and what we ask beyond it."""
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "runs as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield "mounts a token for the Kubernetes API"
    if not spec.get("serviceAccountName"):
        yield "has no service account of its own"
    for volume in spec.get("volumes", []):
        if not volume.keys() <= {"name", "configMap", "secret", "emptyDir", "csi", "persistentVolumeClaim"}:
            yield f"volume {volume['name']} is of a kind that the restricted standard refuses"


def _container(container: Mapping[str, Any], *, digests: bool) -> Iterator[str]:
    """The restricted Pod Security Standard for containers, and what we ask beyond it."""
    context, image = container.get("securityContext", {}), container["image"]
    if context.get("allowPrivilegeEscalation") is not False:
        yield "privileges can be escalated"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "root file system can be written"
    if context.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "capabilities are kept"
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}) or not resources.get("requests"):
        yield "no memory limit, or no requests"
    if digests and "@sha256:" not in image:
        yield f"image {image} is not given by digest"
    elif image.endswith(":latest") or not {":", "@"} & set(image):
        yield f"image {image} has no version"


def _probes(manifest: Manifest) -> Iterator[str]:
    name = f"{manifest['kind']}/{manifest['metadata']['name']}"
    for container in manifest["spec"]["template"]["spec"]["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe not in container:
                yield f"{name}: no {probe}"
    if not manifest["spec"]["template"]["spec"].get("topologySpreadConstraints") and manifest["kind"] == "Deployment":
        yield f"{name}: replicas are not spread"


def _references(found: list[Manifest]) -> Iterator[str]:
    """What names something that is not there, or selects no pod."""
    labels = [template["metadata"]["labels"] for _, template in pods(found)]
    made = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in found}
    for name, template in pods(found):
        spec = template["spec"]
        wanted = [("ServiceAccount", spec["serviceAccountName"])] if spec.get("serviceAccountName") else []
        for volume in spec.get("volumes", []):
            if "configMap" in volume and not volume["configMap"]["name"].endswith("-authority"):
                wanted.append(("ConfigMap", volume["configMap"]["name"]))
            if store := volume.get("csi", {}).get("volumeAttributes", {}).get("secretProviderClass"):
                wanted.append(("SecretProviderClass", store))
            if "persistentVolumeClaim" in volume:
                wanted.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
        yield from (f"{name}: {kind} {missing} is not there" for kind, missing in wanted if (kind, missing) not in made)
    for manifest in of_kind(found, "Service", "PodDisruptionBudget"):
        selector = manifest["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        if not any(selector.items() <= each.items() for each in labels):
            yield f"{manifest['kind']}/{manifest['metadata']['name']}: selects no pod"
    for manifest in of_kind(found, "HorizontalPodAutoscaler"):
        target = manifest["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) not in made:
            yield f"HorizontalPodAutoscaler/{manifest['metadata']['name']}: scales nothing"
