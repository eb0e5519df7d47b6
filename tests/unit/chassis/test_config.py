from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chassis.config import ConfigError, ServerConfig, ServiceConfig, TlsFiles, load, parse
from chassis.process import ProcessConfig, authenticating, telemetry_for
from chassis.run import bind
from tests.support.clock import ManualClock

SERVICE = {"database_url": "sqlite:///x.db", "data_dir": "data", "policy_file": "policies/default.yaml"}
SERVER = {"traces_file": "traces.db"}


def refusal(content: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(ProcessConfig[ServiceConfig], content, source="identity.yaml")
    return str(refused.value)


def test_good_file_is_read_and_can_not_be_changed(tmp_path: Path) -> None:
    file = tmp_path / "identity.yaml"
    file.write_text(
        "server: {traces_file: t.db}\nservice: {database_url: 'sqlite:///x', data_dir: d, policy_file: p}\n"
    )
    config = load(ProcessConfig[ServiceConfig], file)
    assert config.server.listen == "127.0.0.1:7700"
    assert config.service.data_dir == Path("d")
    with pytest.raises(ValueError, match="frozen"):
        config.server.listen = "0.0.0.0:1"  # type: ignore[misc]  # that is what must fail


@pytest.mark.parametrize(
    ("server", "service", "named"),
    [
        (SERVER, SERVICE | {"database_url": "mysql://root:s3cret@db/x"}, "service.database_url"),
        (SERVER, {name: SERVICE[name] for name in ("data_dir", "policy_file")}, "service.database_url"),
        (SERVER, SERVICE | {"databse_url": "x"}, "service.databse_url"),
        (SERVER | {"read_trace_ratio": 2}, SERVICE, "server.read_trace_ratio"),
        (SERVER | {"peers": ["credit"]}, SERVICE, "server.peers"),
        (SERVER | {"tls": {"root": "r", "certificate": "c"}}, SERVICE, "server.tls.key"),
        (SERVER | {"otlp": {"endpoint": "http://collector"}}, SERVICE, "server.otlp.endpoint"),
        (SERVER | {"otlp": {"endpoint": "collector:4317"}}, SERVICE, "server.otlp"),
        (SERVER | {"listen": ["127.0.0.1"]}, SERVICE, "server.listen"),
    ],
)
def test_wrong_field_is_named_and_its_value_is_not_repeated(
    server: dict[str, Any], service: dict[str, Any], named: str
) -> None:
    text = refusal({"server": server, "service": service})
    assert text.startswith(f"identity.yaml: {named}: ")
    assert "s3cret" not in text


def test_all_wrong_fields_are_named_at_once() -> None:
    text = refusal({"server": {"otlp": {}}, "service": {}, "extra": 1})
    assert len(text.splitlines()) == 5


@pytest.mark.parametrize("content", [None, [], "text", 7])
def test_file_that_holds_no_mapping_is_refused(content: Any) -> None:
    assert "(file)" in refusal(content)


def test_file_that_is_absent_or_no_yaml_is_named_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: No such file"):
        load(ServerConfig, tmp_path / "absent.yaml")
    file = tmp_path / "broken.yaml"
    file.write_text("server:\n  listen: [\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml:\d+: "):
        load(ServerConfig, file)


def test_files_of_a_folder_are_merged_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "10-base.yaml").write_text("listen: '127.0.0.1:1'\ntraces_file: t.db\npeers: {credit: a, groups: b}\n")
    (tmp_path / "20-here.yaml").write_text("listen: '127.0.0.1:2'\npeers: {groups: c}\n")
    (tmp_path / "notes.txt").write_text("not read: [")
    config = load(ServerConfig, tmp_path)
    assert config.listen == "127.0.0.1:2"
    assert config.peers == {"credit": "a", "groups": "c"}
    assert str(config.traces_file) == "t.db"


def test_folder_without_a_file_is_refused_and_a_broken_file_in_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no \*\.yaml"):
        load(ServerConfig, tmp_path)
    (tmp_path / "broken.yaml").write_text("listen: [\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml:\d+: "):
        load(ServerConfig, tmp_path)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    for name, content in {"binary.yaml": b"\x00\x01\xff", "control.yaml": b"listen: \x07"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=name):
            load(ServerConfig, tmp_path / name)


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    yield server
    await server.stop(0)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:7700", "example.org:7700", "*:0", ":0"])
async def test_plaintext_is_refused_off_loopback(server: grpc.aio.Server, listen: str) -> None:
    with pytest.raises(ConfigError, match=r"^listen: plaintext is served on loopback only"):
        bind(server, ServerConfig(listen=listen, traces_file=Path("t")))


async def test_plaintext_is_served_on_loopback(server: grpc.aio.Server) -> None:
    assert bind(server, ServerConfig(listen="127.0.0.1:0", traces_file=Path("t"))) > 0


async def test_port_in_use_is_named(server: grpc.aio.Server) -> None:
    taken = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    port = taken.add_insecure_port("127.0.0.1:0")
    with pytest.raises(ConfigError, match=f"^listen: 127.0.0.1:{port} can not be bound"):
        bind(server, ServerConfig(listen=f"127.0.0.1:{port}", traces_file=Path("t")))
    await taken.stop(0)


async def test_certificate_file_that_is_absent_is_named(server: grpc.aio.Server, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("root", "certificate", "key")}
    with pytest.raises(ConfigError, match=r"^tls\.key: key\.pem: No such file"):
        bind(server, ServerConfig(listen="127.0.0.1:0", traces_file=Path("t"), tls=TlsFiles(**files)))


def test_spans_need_somewhere_to_go() -> None:
    with pytest.raises(ConfigError, match=r"^server\.otlp: give the endpoint of a collector"):
        telemetry_for(ServerConfig(), "credit")


async def test_issuers_key_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "rubbish.pem").write_text("rubbish")
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    (tmp_path / "rsa.pem").write_bytes(rsa_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for name in ("absent.pem", "rubbish.pem", "rsa.pem"):
        server = ServerConfig(traces_file=Path("t"), token_keys={"issuer": tmp_path / name})
        with pytest.raises(ConfigError, match=f"^token_keys: {name}"):
            async with authenticating(server, ManualClock()):
                pass
