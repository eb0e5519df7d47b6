"""The server's side of mutual TLS, from files that are replaced while it serves."""

from pathlib import Path

import grpc

from chassis.config import ConfigError, TlsFiles
from ombud.client import Tls
from ombud.client.tls import Pem, Rotation


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that are those of the files at each new connection; connections that there are stay.

    Raises:
        ConfigError: A file can not be read, or can not be used.
    """
    rotation = rotating(files, "tls")

    def newer() -> grpc.ServerCertificateConfiguration | None:
        """Called at each handshake, in a thread of gRPC's own; None leaves things as they are."""
        pem = rotation.newer()
        return None if pem is None else _configuration(pem)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(rotation.pem),
        newer,  # type: ignore[arg-type]  # None is what its documentation asks for
        require_client_authentication=True,
    )


def rotating(files: TlsFiles, setting: str) -> Rotation:
    """The newest usable content of the files that a setting names.

    Raises:
        ConfigError: A file can not be read, or can not be used.
    """
    for field in ("key", "certificate", "root"):
        file: Path = getattr(files, field)
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{setting}.{field}: {file.name}: {error.strerror}") from None
    try:
        return Rotation(Tls(files.root, files.certificate, files.key))
    except ValueError as error:
        raise ConfigError(f"{setting}: {error}") from None


def _configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], root_certificates=pem.root)
