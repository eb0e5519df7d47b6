"""A certificate authority for a test: workloads with SPIFFE ids, and those that should not get in."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from chassis.config import TlsFiles

_FROM, _VALID = datetime(2020, 1, 1, tzinfo=UTC), timedelta(days=36_500)


@dataclass(frozen=True)
class Authority:
    """Issues certificates into a folder.

    Attributes:
        folder: Where the files go.
        name: Of the authority; two names are two authorities.
    """

    folder: Path
    name: str = "Test authority"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(self.name, self.name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._write("root", certificate, key)

    def workload(self, name: str, *uris: str) -> TlsFiles:
        """The files of a workload: one URI name, `spiffe://ombud.local/<name>`, unless others are given."""
        files = TlsFiles(
            root=self.folder / "root.pem",
            certificate=self.folder / f"{name}.pem",
            key=self.folder / f"{name}.key",
        )
        if files.key.exists():
            return files
        root_key = load_pem_private_key((self.folder / "root.key").read_bytes(), None)
        assert isinstance(root_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        names += [x509.UniformResourceIdentifier(uri) for uri in uris or (f"spiffe://ombud.local/{name}",)]
        certificate = (
            _builder(name, self.name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        self._write(name, certificate, key)
        return files

    def renewed(self, name: str) -> TlsFiles:
        """As `workload`, with a new key and a new certificate in the same files."""
        (self.folder / f"{name}.key").unlink()
        return self.workload(name)

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        (self.folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{name}.key").write_bytes(pem)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_FROM + _VALID)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
