"""The whole contract on PostgreSQL, as production runs it; the other tests of the suite run it on SQLite."""

from pathlib import Path

import grpc

from tests.contract.test_replay import bare, variations
from tests.support.biography import live, look
from tests.support.contract import rpcs
from tests.support.engines import fresh_postgres
from tests.support.life import Life
from tests.support.mesh import meshed
from tests.support.refusals import refusal_of
from tests.support.suite import all_reviewed_twice


async def test_every_rpc_answers_and_every_act_is_kept_once_on_postgresql(postgres: str, tmp_path: Path) -> None:
    policy = all_reviewed_twice(tmp_path)
    async with meshed(tmp_path, lambda _service: fresh_postgres(postgres), policy=policy) as mesh:
        wire = mesh.wire()
        life = Life(wire.call, mesh.clock, tmp_path / "identity" / "outbox" / "phone.jsonl")
        await live(life)
        await look(life)
        assert set(life.examples) == {rpc.path for rpc in rpcs()}
        for example in life.examples.values():
            rpc = example.rpc
            if rpc.method.keyed:
                assert bare(rpc, await wire.call(example.who, rpc, example.request)) == bare(rpc, example.reply)
                for request in variations(example.request)[:1]:
                    refused = await refusal_of(wire.call(example.who, rpc, request))
                    assert refused.code() in (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT)
