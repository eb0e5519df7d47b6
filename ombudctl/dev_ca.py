"""`ombud dev-ca`: a throw-away authority for trying mutual TLS out. Its key lies beside its certificates."""

import ipaddress
import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from chassis.clock import SystemClock
from chassis.config import TlsFiles
from ombudctl.output import CommandError, print_json

# The services, their callers, and the collector of telemetry.
WORKLOADS = ("identity", "credit", "groups", "retention", "platform", "desk", "operator", "collector")
_VALID = timedelta(days=30)
# Clocks of machines differ.
_BEFORE = timedelta(hours=1)


def run(folder: Path, renew: str, *, as_json: bool) -> bool:
    """Makes the authority and what certificates are missing.

    Args:
        folder: Where the files go: `root.pem`, and `<workload>.pem` and `<workload>.key` for each.
        renew: A workload to give a new key and certificate; empty for none.
        as_json: Print JSON.

    Raises:
        CommandError: There is no such workload.
    """
    if renew and renew not in WORKLOADS:
        raise CommandError(f"{renew} is no workload", f"One of {', '.join(WORKLOADS)}.")
    authority = Authority(folder, SystemClock().now())
    if renew:
        authority.renewed(renew)
    for workload in WORKLOADS:
        authority.workload(workload)
    if as_json:
        print_json({"root": str(folder / "root.pem"), "workloads": list(WORKLOADS), "days": _VALID.days})
    else:
        sys.stdout.write(
            f"Certificates for {', '.join(WORKLOADS)} in {folder}, good for {_VALID.days} days.\n"
            "For trying out alone: whoever reads the folder can be any workload.\n"
        )
    return True


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder, made if it is not there.

    Attributes:
        folder: Where the files are.
        at: The instant from which what is issued is valid, an hour before it included.
        name: Of the authority.
        domain: Its SPIFFE trust domain.
    """

    folder: Path
    at: datetime
    name: str = "Ombud development"
    domain: str = "ombud.local"

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self.folder / "root.pem").exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._builder(self.name, key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._write("root", certificate.sign(key, hashes.SHA256()), key)

    def workload(self, name: str, *uris: str) -> TlsFiles:
        """The files of a workload, made if they are not there.

        Args:
            name: The workload's; its certificate is good for `localhost`, 127.0.0.1 and `ombud-<name>` too.
            *uris: The URI names; the workload's SPIFFE id if none is given.
        """
        files = TlsFiles(
            root=self.folder / "root.pem",
            certificate=self.folder / f"{name}.pem",
            key=self.folder / f"{name}.key",
        )
        if not files.certificate.exists():
            self._issue(name, uris or (f"spiffe://{self.domain}/{name}",))
        return files

    def renewed(self, name: str) -> TlsFiles:
        """As `workload`, with a new key and a new certificate in the same files."""
        (self.folder / f"{name}.pem").unlink(missing_ok=True)
        return self.workload(name)

    def _issue(self, name: str, uris: tuple[str, ...]) -> None:
        root_key = load_pem_private_key((self.folder / "root.key").read_bytes(), None)
        if not isinstance(root_key, ec.EllipticCurvePrivateKey):
            raise CommandError("root.key is not a key of this command", "Take an empty folder.")
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.DNSName(f"ombud-{name}"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            *(x509.UniformResourceIdentifier(uri) for uri in uris),
        ]
        certificate = (
            self._builder(name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        self._write(name, certificate.sign(root_key, hashes.SHA256()), key)

    def _builder(self, subject: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.at - _BEFORE)
            .not_valid_after(self.at + _VALID)
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """Puts the two files in place, each whole or not at all, the certificate last."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for suffix, content in (("key", pem), ("pem", certificate.public_bytes(Encoding.PEM))):
            draft = self.folder / f".{name}.{suffix}"
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            draft.rename(self.folder / f"{name}.{suffix}")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
