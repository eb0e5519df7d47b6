"""What identity and credit say reaches the answers of groups, in the real suite."""

from datetime import timedelta

from sqlmodel import Session, col, select

from chassis.db.engine import read_engine
from chassis.db.tables import Change
from chassis.ids import new_id
from ombud.groups.v1 import decision_service_pb2 as contract
from ombud.groups.v1.decision_service_pb2_grpc import DecisionServiceStub
from ombud.identity.v1 import account_service_pb2 as identity
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from tests.support.eventually import eventually
from tests.support.suite import Suite


def registration(*, legacy: bool) -> identity.RegisterAccountRequest:
    return identity.RegisterAccountRequest(
        request_id=new_id(),
        kind=identity.ACCOUNT_KIND_PERSONAL,
        holder_kind=identity.HOLDER_KIND_INDIVIDUAL,
        nickname="somebody",
        legacy=legacy,
    )


async def reason(suite: Suite, account_id: str, action: contract.Action.ValueType) -> str:
    stub = DecisionServiceStub(suite.channel(workload="platform"))
    answer = await stub.Check(contract.CheckRequest(account_id=account_id, action=action))
    return contract.DecisionReason.Name(answer.decision.reason).removeprefix("DECISION_REASON_")


async def test_account_registered_with_identity_is_judged_by_its_grace_and_credits_defaults(suite: Suite) -> None:
    accounts = AccountServiceStub(suite.channel(workload="platform"))
    legacy = (await accounts.RegisterAccount(registration(legacy=True))).account
    fresh = (await accounts.RegisterAccount(registration(legacy=False))).account

    async def judged(account_id: str, expected: str) -> bool:
        return await reason(suite, account_id, contract.ACTION_POST) == expected

    await eventually(lambda: judged(legacy.account_id, "LEGACY_GRACE"))
    await eventually(lambda: judged(fresh.account_id, "NOT_VERIFIED"))
    suite.clock.advance(timedelta(days=180))
    assert await judged(legacy.account_id, "GRACE_ENDED")
    assert await reason(suite, legacy.account_id, contract.ACTION_READ) == "READING_IS_FREE"


async def test_trace_of_an_act_at_identity_goes_on_in_the_feed_of_groups(suite: Suite) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    traced = (("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01"),)
    accounts = AccountServiceStub(suite.channel(workload="platform"))
    account = (await accounts.RegisterAccount(registration(legacy=False), metadata=traced)).account
    engine = read_engine(f"sqlite:///{suite.data_dir}/groups/groups.db", connections=1)

    async def followed() -> Change | None:
        with Session(engine) as session:
            return session.exec(select(Change).where(col(Change.key) == account.account_id)).first()

    change = await eventually(followed)
    engine.dispose()
    assert change is not None
    assert trace_id in change.traceparent
