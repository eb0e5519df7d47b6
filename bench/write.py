"""An ordinary durable write: `RegisterAccount`, beside a bare echo of a message as large as its request.

Each call commits an account, an audit record, an entry of the change feed and its idempotency record. Meanwhile the
same process delivers the audit records to the log and tells `groups` of the accounts, as it always does.
"""

from typing import Any

import grpc

from bench import echo
from bench.line import Line
from bench.load import TIMEOUT, Load, Plan, Side, median, spread, turn_about
from bench.processes import Server
from bench.world import World, WrongAnswerError
from ombud.client import request_id
from ombud.identity.v1 import account_service_pb2 as accounts
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub

BUDGET = 0.2
_PAGE = 500


async def measure(suite: Server, peer: Server, world: World, plan: Plan, fdatasyncs: float) -> Line:
    """The line of the write.

    Args:
        suite: The suite.
        peer: The echo.
        world: Whose platform registers.
        plan: How often and how long.
        fdatasyncs: How many the disk does a second; printed, for no durable figure means anything without.

    Raises:
        WrongAnswerError: An account that was acknowledged is not there, or is there twice.
    """
    metadata = (("authorization", f"Bearer {world.token}"),)
    size = _request(0).ByteSize()
    acknowledged: list[str] = []
    settled: list[float] = []

    async with grpc.aio.insecure_channel(suite.target) as ours, grpc.aio.insecure_channel(peer.target) as bare:
        stub = AccountServiceStub(ours)

        async def inspect(load: Load) -> None:
            acknowledged.extend(reply.account.account_id for _, reply in load.answers)
            settled.append(await suite.settled())

        sides = (
            Side(suite, lambda number: stub.RegisterAccount(_request(number), metadata=metadata, timeout=TIMEOUT)),
            Side(peer, echo.caller(bare, size)),
        )
        writes, echoes = await turn_about(*sides, plan, inspect)
        present = await _present(stub, metadata)
    before = {*world.verified, *world.unverified}
    if sorted(present) != sorted([*before, *acknowledged]):
        raise WrongAnswerError(
            f"{len(present)} accounts are there, {len(before) + len(acknowledged)} were acknowledged"
        )
    value, peer_value = median([load.rate for load in writes]), median([load.rate for load in echoes])
    ratio = value / peer_value
    more = {
        "runs": plan.runs,
        "bytes": size,
        **spread(writes),
        "peer_value": peer_value,
        "cpu_s_after_a_run": median(settled),
        "fdatasync_per_s": fdatasyncs,
    }
    return Line("write", value, "calls/s", echo.NAME, ratio, BUDGET, ratio >= BUDGET, more)


def _request(number: int) -> accounts.RegisterAccountRequest:
    return accounts.RegisterAccountRequest(
        request_id=request_id(),
        kind=accounts.ACCOUNT_KIND_PERSONAL,
        holder_kind=accounts.HOLDER_KIND_INDIVIDUAL,
        nickname=f"newcomer {number}",
    )


async def _present(stub: Any, metadata: tuple[tuple[str, str], ...]) -> list[str]:  # noqa: ANN401 - a stub of grpc.aio
    found: list[str] = []
    token = ""
    while True:
        reply = await stub.ListAccounts(
            accounts.ListAccountsRequest(page_size=_PAGE, page_token=token), metadata=metadata
        )
        found += [account.account_id for account in reply.accounts]
        token = reply.next_page_token
        if not token:
            return found
