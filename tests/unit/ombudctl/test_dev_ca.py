from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from typer.testing import CliRunner

from ombud.client import Tls
from ombudctl import dev_ca
from ombudctl.main import app

SANS = x509.SubjectAlternativeName


def made(folder: Path, *more: str) -> str:
    result = CliRunner().invoke(app, ["dev-ca", str(folder), *more])
    assert result.exit_code == 0, result.output
    return result.output


def certificate(folder: Path, workload: str) -> x509.Certificate:
    tls = Tls(folder / "root.pem", folder / f"{workload}.pem", folder / f"{workload}.key")
    return x509.load_pem_x509_certificate(tls.read().certificate)


def test_each_workload_gets_a_key_and_a_certificate_that_the_authority_signed(tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    assert "trying out alone" in made(folder)
    root = x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())
    for workload in dev_ca.WORKLOADS:
        issued = certificate(folder, workload)
        issued.verify_directly_issued_by(root)
        names = issued.extensions.get_extension_for_class(SANS).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"spiffe://ombud.local/{workload}"]
        assert names.get_values_for_type(x509.DNSName) == ["localhost", f"ombud-{workload}"]
        assert issued.not_valid_after_utc - issued.not_valid_before_utc <= timedelta(days=31)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_second_run_changes_nothing_and_renewing_changes_one(tmp_path: Path) -> None:
    made(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    made(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    made(tmp_path, "--renew", "credit", "--json")
    changed = {path.name for path in tmp_path.iterdir() if before[path.name] != path.read_bytes()}
    assert changed == {"credit.pem", "credit.key"}
    certificate(tmp_path, "credit")


def test_unknown_workload_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["dev-ca", str(tmp_path), "--renew", "debit"])
    assert result.exit_code == 1
    assert "credit" in result.output
    assert not list(tmp_path.iterdir())


def test_certificate_is_of_its_time(tmp_path: Path) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    dev_ca.Authority(tmp_path, at).workload("credit")
    issued = certificate(tmp_path, "credit")
    assert issued.not_valid_before_utc < at < issued.not_valid_after_utc
