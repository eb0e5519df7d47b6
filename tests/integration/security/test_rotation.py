"""Certificates are replaced while calls are in flight, and no call notices."""

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from cryptography import x509

from chassis.clock import SystemClock
from chassis.config import ConfigError, ServerConfig, TlsFiles
from chassis.run import bind
from chassis.server import credentials
from ombud.client import Tls, connect, tls
from ombud.client.connection import Renewed
from ombud.common.v1.types_pb2 import Subject
from ombudctl.dev_ca import Authority
from tests.support.eventually import eventually
from tests.unit.client.play import Context, Server, Stub, handlers

SUBJECT = Subject(account_id="018f0000-0000-7000-8000-000000000001")


def copied(files: TlsFiles, folder: Path) -> TlsFiles:
    """The files under the names by which a process knows them, put in place one by one."""
    folder.mkdir(exist_ok=True)
    mounted = TlsFiles(root=folder / "ca.crt", certificate=folder / "tls.crt", key=folder / "tls.key")
    for field in ("root", "certificate", "key"):
        draft = folder / "draft"
        shutil.copyfile(getattr(files, field), draft)
        draft.rename(getattr(mounted, field))
    return mounted


class Pair:
    """A server and a client, each with certificate files of its own, of two authorities that both trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authorities = [Authority(folder / name, SystemClock().now(), name) for name in ("first", "second")]
        both = b"".join((authority.folder / "root.pem").read_bytes() for authority in self.authorities)
        for authority in self.authorities:
            (authority.folder / "root.pem").write_bytes(both)
        self.server = copied(self.authorities[0].workload("groups"), folder / "server")
        self.client = copied(self.authorities[0].workload("platform"), folder / "client")
        self.peers: list[str] = []
        self.target = ""

    def rotate(self) -> None:
        """Gives both sides certificates of the second authority."""
        copied(self.authorities[1].workload("groups"), self.folder / "server")
        copied(self.authorities[1].workload("platform"), self.folder / "client")

    async def echo(self, request: Subject, context: Context) -> Subject:
        (pem,) = context.auth_context()["x509_pem_cert"]
        self.peers.append(x509.load_pem_x509_certificate(pem).issuer.rfc4514_string())
        return request

    def connect(self) -> Any:
        return connect(self.target, tls=Tls(self.client.root, self.client.certificate, self.client.key))


@pytest_asyncio.fixture
async def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr(tls, "_LOOK_EVERY", 0.0)
    made = Pair(tmp_path)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Play", handlers(Server(behave=made.echo))),)
    )
    port = bind(server, ServerConfig(listen="127.0.0.1:0", traces_file=tmp_path / "t", tls=made.server))
    made.target = f"127.0.0.1:{port}"
    await server.start()
    yield made
    await server.stop(None)


async def test_new_calls_bear_the_new_certificate_and_none_fails(pair: Pair) -> None:
    async with pair.connect() as channel:
        stub = Stub(channel)
        calls = [asyncio.ensure_future(stub.one(SUBJECT)) for _ in range(20)]
        await asyncio.sleep(0)
        pair.rotate()
        await asyncio.gather(*calls)
        for _ in range(20):
            await stub.one(SUBJECT)
    assert pair.peers[0] == "CN=first"
    assert pair.peers[-1] == "CN=second"
    assert len(pair.peers) == 40


async def test_list_of_addresses_is_reached_by_the_name_of_the_first(pair: Pair) -> None:
    pair.target = f"ipv4:{pair.target},{pair.target}"
    async with pair.connect() as channel:
        await Stub(channel).one(SUBJECT)


async def test_stream_ends_on_the_connection_that_it_began_on(pair: Pair) -> None:
    async with pair.connect() as channel:
        stub = Stub(channel)
        stream = stub.both()
        await stream.write(SUBJECT)
        assert await stream.read() == SUBJECT
        pair.rotate()
        await stub.one(SUBJECT)
        await stream.write(SUBJECT)
        assert await stream.read() == SUBJECT
        assert pair.peers == ["CN=first", "CN=second", "CN=first"]
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        renewed: Renewed = channel._connection

        async def closed() -> bool:
            return not renewed._retired and not renewed._closing

        await eventually(closed)
        await stub.one(SUBJECT)


@pytest.mark.parametrize("spoil", ["key of another", "half a certificate", "no key", "rubbish for authorities"])
async def test_files_that_can_not_be_used_are_not_taken_until_they_can(
    pair: Pair, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    def spoilt(files: TlsFiles) -> None:
        match spoil:
            case "key of another":
                shutil.copyfile(pair.authorities[1].workload("desk").key, files.key)
            case "half a certificate":
                files.certificate.write_bytes(files.certificate.read_bytes()[:200])
            case "no key":
                files.key.unlink()
            case _:
                files.root.write_bytes(b"rubbish")

    with caplog.at_level(logging.WARNING, logger="ombud.client"):
        async with pair.connect() as channel:
            await Stub(channel).one(SUBJECT)
            spoilt(pair.client)
            spoilt(pair.server)
            for _ in range(3):
                await Stub(channel).one(SUBJECT)
            assert set(pair.peers) == {"CN=first"}
            pair.rotate()
            await Stub(channel).one(SUBJECT)
            assert pair.peers[-1] == "CN=second"
    told = [record for record in caplog.records if "last good ones stay" in record.message]
    assert told
    assert "BEGIN" not in caplog.text
    if spoil != "no key":
        assert len(told) <= 2, "each side says it once"


async def test_server_does_not_start_with_files_that_can_not_be_used(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", SystemClock().now())
    mounted = copied(authority.workload("groups"), tmp_path / "server")
    shutil.copyfile(authority.workload("desk").key, mounted.key)
    with pytest.raises(ConfigError, match=r"^tls: tls\.key: is not the key of tls\.crt$"):
        credentials.server_credentials(mounted)
    mounted.root.write_text("rubbish")
    with pytest.raises(ConfigError, match=r"^tls: ca\.crt: holds not certificates in PEM$"):
        credentials.server_credentials(mounted)


async def test_client_closes_what_it_has_left_while_calls_are_in_flight(pair: Pair) -> None:
    async with pair.connect() as channel:
        stream = Stub(channel).both()
        await stream.write(SUBJECT)
        await stream.read()
        pair.rotate()
        await Stub(channel).one(SUBJECT)
        assert len(channel._connection._retired) == 1
    with contextlib.suppress(asyncio.CancelledError):
        await stream.read()
    assert stream.done()
