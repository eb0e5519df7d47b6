from datetime import UTC, timedelta

from chassis.ids import new_id
from ombud.identity.v1.account_service_pb2 import (
    ACCOUNT_KIND_PERSONAL,
    ACCOUNT_STATE_LEGACY_GRACE,
    ACCOUNT_STATE_UNVERIFIED,
    ACCOUNT_STATE_VERIFIED,
    HOLDER_KIND_COMPANY,
    HOLDER_KIND_INDIVIDUAL,
    LEVEL_L0,
    LEVEL_L2,
    AccountChange,
    GetAccountRequest,
    ListAccountsRequest,
    RegisterAccountRequest,
    WatchAccountsRequest,
)
from tests.integration.identity.conftest import Identity
from tests.support.refusals import refusal_of


async def test_registered_account_shows_the_nickname_and_nothing_of_the_holder(identity: Identity) -> None:
    account = await identity.register("[gnubie]")
    assert (account.nickname, account.level, account.state) == ("[gnubie]", LEVEL_L0, ACCOUNT_STATE_UNVERIFIED)
    assert await identity.account(account.account_id) == account


async def test_two_accounts_may_bear_one_nickname(identity: Identity) -> None:
    first, second = await identity.register("gnubie"), await identity.register("gnubie")
    assert first.account_id != second.account_id


async def test_personal_account_of_a_company_is_refused(identity: Identity) -> None:
    request = RegisterAccountRequest(
        request_id=new_id(), kind=ACCOUNT_KIND_PERSONAL, holder_kind=HOLDER_KIND_COMPANY, nickname="daily"
    )
    refusal = await refusal_of(identity.accounts().RegisterAccount(request))
    assert refusal.reason == "INVALID_FIELD"


async def test_nickname_that_can_not_be_shown_is_refused(identity: Identity) -> None:
    refusal = await refusal_of(identity.register("a\u202eb"))
    assert (refusal.reason, refusal.facts["rule"]) == ("NICKNAME_REFUSED", "CONTROL_CHARACTER")


async def test_unknown_account_is_not_found(identity: Identity) -> None:
    refusal = await refusal_of(identity.accounts().GetAccount(GetAccountRequest(account_id=new_id())))
    assert refusal.reason == "NOT_FOUND"


async def test_legacy_account_leaves_its_grace_by_time_alone(identity: Identity) -> None:
    account = await identity.register(legacy=True)
    assert (account.legacy, account.state) == (True, ACCOUNT_STATE_LEGACY_GRACE)
    grace = account.grace_end_time.ToDatetime(UTC) - identity.clock.now()
    identity.clock.advance(grace - timedelta(microseconds=1))
    assert (await identity.account(account.account_id)).state == ACCOUNT_STATE_LEGACY_GRACE
    identity.clock.advance(timedelta(microseconds=1))
    assert (await identity.account(account.account_id)).state == ACCOUNT_STATE_UNVERIFIED


async def test_verified_level_lapses_at_its_end_without_an_event(identity: Identity) -> None:
    account = await identity.register()
    await identity.verify_person(account.account_id)
    verified = await identity.account(account.account_id)
    assert (verified.level, verified.state) == (LEVEL_L2, ACCOUNT_STATE_VERIFIED)
    identity.clock.advance(verified.verified_until.ToDatetime(UTC) - identity.clock.now())
    lapsed = await identity.account(account.account_id)
    assert (lapsed.level, lapsed.state) == (LEVEL_L0, ACCOUNT_STATE_UNVERIFIED)
    assert not lapsed.HasField("verified_until")


async def test_pages_show_every_account_once_in_order(identity: Identity) -> None:
    registered = [(await identity.register(f"nick-{number}")).account_id for number in range(5)]
    stub, token, shown = identity.accounts(), "", []
    while True:
        page = await stub.ListAccounts(ListAccountsRequest(page_size=2, page_token=token))
        shown += [account.account_id for account in page.accounts]
        token = page.next_page_token
        if not token:
            break
    assert shown == registered


async def test_forged_page_token_is_refused(identity: Identity) -> None:
    refusal = await refusal_of(identity.accounts().ListAccounts(ListAccountsRequest(page_token="Zm9yZ2Vk")))
    assert refusal.reason == "PAGE_TOKEN_REFUSED"


async def test_replayed_registration_makes_one_account(identity: Identity) -> None:
    request = RegisterAccountRequest(
        request_id=new_id(), kind=ACCOUNT_KIND_PERSONAL, holder_kind=HOLDER_KIND_INDIVIDUAL, nickname="gnubie"
    )
    stub = identity.accounts()
    first, second = await stub.RegisterAccount(request), await stub.RegisterAccount(request)
    assert first == second
    assert len((await stub.ListAccounts(ListAccountsRequest())).accounts) == 1


async def test_watchers_see_registration_name_and_level_in_order_and_nothing_of_the_holder(identity: Identity) -> None:
    account = await identity.register("gnubie")
    await identity.rename(account.account_id, "ubuntu-fan")
    await identity.verify_person(account.account_id)
    seen = []
    async for item in identity.accounts("groups").WatchAccounts(WatchAccountsRequest()):
        if item.HasField("checkpoint"):
            assert item.checkpoint.revision == 3
            break
        seen.append(item.change)
    assert [change.revision for change in seen] == [1, 2, 3]
    assert [(change.account.nickname, change.account.level) for change in seen] == [
        ("gnubie", LEVEL_L0),
        ("ubuntu-fan", LEVEL_L0),
        ("ubuntu-fan", LEVEL_L2),
    ]
    assert seen[-1].account == await identity.account(account.account_id)


async def test_changes_that_come_together_are_those_that_come_alone(identity: Identity) -> None:
    for number in range(3):
        await identity.register(f"gnubie {number}")
    seen: dict[bool, list[AccountChange]] = {True: [], False: []}
    for together, changes in seen.items():
        async for item in identity.accounts("groups").WatchAccounts(WatchAccountsRequest(changes_together=together)):
            if item.HasField("checkpoint"):
                break
            changes.extend(item.changes.changes if together else [item.change])
    assert seen[True] == seen[False]
    assert [change.revision for change in seen[True]] == [1, 2, 3]


async def test_watch_is_not_for_the_platform(identity: Identity) -> None:
    async def first() -> None:
        async for _ in identity.accounts("platform").WatchAccounts(WatchAccountsRequest()):
            return

    assert (await refusal_of(first())).reason == "WORKLOAD_NOT_ALLOWED"
