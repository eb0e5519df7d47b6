"""What the public figures say about retained records."""

from datetime import timedelta

from chassis.instants import timestamp
from ombud.common.v1.types_pb2 import Interval
from ombud.retention.v1.figures_service_pb2 import GetDisclosureFiguresRequest, GetDisclosureFiguresResponse
from ombud.retention.v1.figures_service_pb2_grpc import FiguresServiceStub
from tests.integration.retention.harness import Retention
from tests.integration.retention.test_access import append, approved, asked, read, scope
from tests.support.clock import ManualClock
from tests.support.refusals import refusal_of


async def figures(
    retention: Retention, clock: ManualClock, *, workload: str = "credit", later: int = 0
) -> GetDisclosureFiguresResponse:
    """The figures of the day around now, or so many days later."""
    start = clock.now() + timedelta(days=later, hours=-1)
    interval = Interval(start_time=timestamp(start), end_time=timestamp(start + timedelta(days=1)))
    stub = FiguresServiceStub(retention.channel(workload=workload))
    return await stub.GetDisclosureFigures(GetDisclosureFiguresRequest(interval=interval))


async def test_requests_approvals_and_reads_are_counted_as_the_register_says(
    retention: Retention, clock: ManualClock
) -> None:
    await append(retention, 1)
    access = await approved(retention, scope(clock))
    await asked(retention, scope(clock))
    for _ in range(2):
        await read(retention, access, access.scope)

    found = await figures(retention, clock)

    assert found == GetDisclosureFiguresResponse(accesses_requested=2, accesses_approved=1, reads=2)
    assert await figures(retention, clock, later=2) == GetDisclosureFiguresResponse()


async def test_exact_figures_are_for_the_service_that_rounds_them(retention: Retention, clock: ManualClock) -> None:
    assert (await refusal_of(figures(retention, clock, workload="platform"))).reason == "WORKLOAD_NOT_ALLOWED"
