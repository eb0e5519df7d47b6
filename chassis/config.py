"""Settings: read once at start, refused with the field's name, never with its value."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from ombud.client.channel import is_loopback


class Settings(BaseModel):
    """Base of all settings: frozen, and a field that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServiceConfig(Settings):
    """What every service needs to know.

    Attributes:
        database_url: SQLAlchemy URL, `sqlite:///...` or `postgresql+psycopg://...`.
        data_dir: Folder for what is not in the database: keys, outboxes, segments.
        policy_file: The policy pack in force.
        upgrade_schema: Whether the service brings its database's schema up to date when it starts. Else that is done
            by `ombud migrate`, and the service does not start on an older schema.
    """

    database_url: str = Field(pattern=r"^(sqlite:///|postgresql\+psycopg://)")
    data_dir: Path
    policy_file: Path
    upgrade_schema: bool = False


SpiffePath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]+)+$")]


class ServerConfig(Settings):
    """How a process listens and whom it knows.

    Attributes:
        listen: Address of the gRPC server; not loopback only with `tls`.
        health_listen: Address of the health server, plaintext, with nothing else on it.
        tls: Certificates of this workload; absent on loopback.
        trust_domain: SPIFFE trust domain of the workloads.
        workloads: The workload that each path of a SPIFFE id stands for, such as `/ns/chat/sa/messaging` for
            `platform`; if none is given, `/<workload>` stands for each.
        peers: Targets of the other services, by name.
        token_keys: Files with the Ed25519 public keys (PEM) of development issuers, by issuer.
        people: The issuer of people's tokens in production, in place of `token_keys`; only with `tls`, for its tokens
            prove no workload.
        read_trace_ratio: Share of successful reads that get a span, 0 to 1.
        otlp: The collector that spans and metrics go to.
        traces_file: Where spans are kept on this machine if there is no collector.
        connection_seconds: After how long a client has to open its connection anew, so that it finds new replicas, give
            or take a tenth; calls on the old one go on to their end.
    """

    listen: str = "127.0.0.1:7700"
    health_listen: str = "127.0.0.1:7701"
    tls: "TlsFiles | None" = None
    trust_domain: str = "ombud.local"
    workloads: Mapping[SpiffePath, str] = Field(default_factory=dict)
    peers: Mapping[str, str] = Field(default_factory=dict)
    token_keys: Mapping[str, Path] = Field(default_factory=dict)
    people: "PeopleConfig | None" = None
    read_trace_ratio: float = Field(default=0.01, ge=0, le=1)
    otlp: "OtlpConfig | None" = None
    traces_file: Path | None = None
    connection_seconds: float = Field(default=300, gt=0)


def is_url(source: str) -> bool:
    """Whether a setting that may be a file or a URL is a URL."""
    return "://" in source


class PeopleConfig(Settings):
    """An OpenID Connect issuer, and what its tokens say about people.

    Attributes:
        issuer: Its name, as in the claim `iss`.
        audience: Ombud's name there, as in the claim `aud`.
        keys: Its JSON Web Key Set (`jwks_uri`): a URL with https, on loopback with http too; or a file.
        roles: The role of Ombud's that each role of the issuer's stands for; a role that is not in it stands for none.
        roles_claim: Where its roles are listed: a claim's name, or a dotted path such as `realm_access.roles`.
        staff_claim: The claim that names a person, the same in each token and for no other person, in at most 128
            characters. It is kept in audit records: an id, neither a name nor an address.
        account_claim: The claim with the id of the person's own account on the platform, which rules on conflicts of
            interest compare. A token without it is of a person of whom none is known.
    """

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    keys: str = Field(min_length=1)
    roles: Mapping[str, Annotated[str, Field(pattern=r"^[a-z]+(_[a-z]+)*$")]]
    roles_claim: str = Field(default="roles", min_length=1)
    staff_claim: str = Field(default="sub", min_length=1)
    account_claim: str = Field(default="account", min_length=1)

    @field_validator("keys")
    @classmethod
    def _safe(cls, keys: str) -> str:
        url = urlsplit(keys)
        secure = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.netloc))
        if is_url(keys) and not (secure and url.hostname and "@" not in url.netloc):
            raise PydanticCustomError("keys", "a URL here has https, or http on loopback")
        return keys


class OtlpConfig(Settings):
    """A collector that takes OTLP over gRPC.

    Attributes:
        endpoint: Its `host:port`.
        tls: The certificate that this workload shows it, and the authorities of its own; absent on loopback alone, as
            for a collector in the same pod.
        every_seconds: How often metrics are sent.
    """

    endpoint: str = Field(pattern=r"^[A-Za-z0-9.:\[\]-]+:[0-9]{1,5}$")
    tls: "TlsFiles | None" = None
    every_seconds: float = Field(default=15, gt=0)

    @model_validator(mode="after")
    def _encrypted_but_on_loopback(self) -> Self:
        if self.tls is None and not is_loopback(self.endpoint):
            raise PydanticCustomError("plaintext", "plaintext goes to a collector on loopback only; give tls")
        return self


class TlsFiles(Settings):
    """PEM files of a workload's certificate."""

    root: Path
    certificate: Path
    key: Path


class ConfigError(Exception):
    """A configuration that can not be used; its text names each wrong field and what would be right."""


C = TypeVar("C", bound=BaseModel)


def load(model: type[C], path: Path) -> C:
    """Reads a YAML file, or a folder's: every `*.yaml` in it, in the order of their names.

    Mappings are merged; of any other value the last file's counts.

    Raises:
        ConfigError: A file is absent, no YAML, or a field is wrong; the values are not repeated.
    """
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"{path.name}: the folder holds no *.yaml file")
    return parse(model, reduce(_merged, map(_read, files)), source=path.name)


def _merged(below: Any, above: Any) -> Any:  # noqa: ANN401 - whatever YAML held
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merged(below[key], value) if key in below else value for key, value in above.items()}
    return above


def _read(file: Path) -> Any:  # noqa: ANN401 - whatever YAML held
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file.name}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.reader.ReaderError):
        raise ConfigError(f"{file.name}: not a text file in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{file.name}:{line}: {error.problem}") from error


def parse(model: type[C], content: Any, *, source: str) -> C:  # noqa: ANN401 - whatever YAML held
    """Checks what a file held.

    Raises:
        ConfigError: As `load`.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = [
            f"{source}: {'.'.join(map(str, problem['loc'])) or '(file)'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False, include_context=False)
        ]
        raise ConfigError("\n".join(lines)) from None
