import asyncio
import base64
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from chassis.db import Unit
from chassis.db.tables import FeedPosition
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1.types_pb2 import Entitlements
from ombud.groups.v1 import decision_service_pb2 as contract
from ombud.groups.v1 import group_service_pb2 as groups_contract
from ombud.groups.v1.decision_service_pb2 import Action, DecisionReason, FactKind
from ombud.groups.v1.group_service_pb2 import MemberRole
from services.groups.decisions import store
from services.groups.decisions.memory import DecisionMemory
from services.groups.decisions.verdicts import NEVER
from services.groups.projections import following
from services.groups.projections import store as projections
from services.groups.wire import timestamp
from tests.integration.groups.stand import Stand, standing
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of
from tests.unit.groups import changes

DAY = timedelta(days=1)


def reason(decision: contract.Decision) -> str:
    return DecisionReason.Name(decision.reason).removeprefix("DECISION_REASON_")


def batch(action: str, account_ids: list[str], group_ids: list[str], token: str = "") -> contract.BatchCheckRequest:
    return contract.BatchCheckRequest(
        action=Action.Value(f"ACTION_{action}"), account_ids=account_ids, group_ids=group_ids, consistency_token=token
    )


async def test_answer_names_reason_fact_revision_and_until_when(stand: Stand) -> None:
    until = stand.clock.now() + DAY
    account = await stand.verified(until=until)
    group = await stand.group()
    await stand.join(group.group_id, account)
    request = contract.CheckRequest(account_id=account, group_id=group.group_id, action=Action.ACTION_POST)
    answer = await stand.decisions.Check(request)
    assert answer.decision == contract.Decision(
        allowed=True,
        reason=DecisionReason.DECISION_REASON_VERIFIED,
        fact=contract.DecidingFact(kind=FactKind.FACT_KIND_VERIFICATION, id="L1"),
        valid_until_time=timestamp(until),
    )
    assert answer.revision == (await stand.database.head()).revision


async def test_sanction_denies_from_its_commit_on_and_ends_without_an_event(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.join(group.group_id)
    assert (await stand.check(account, group.group_id, "POST")).allowed
    end = stand.clock.now() + 3 * DAY
    sanction = await stand.sanction("PUBLISHING_SUSPENDED", account=account, end=end)
    denied = await stand.check(account, group.group_id, "POST")
    assert (denied.allowed, reason(denied)) == (False, "PUBLISHING_SUSPENDED")
    assert (denied.fact.id, denied.fact.time) == (sanction, timestamp(end))
    assert denied.valid_until_time == timestamp(end)
    assert (await stand.check(account, group.group_id, "READ")).allowed
    stand.clock.advance(3 * DAY)
    assert (await stand.check(account, group.group_id, "POST")).allowed


async def test_overturned_sanction_leaves_no_trace_in_the_answers(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.join(group.group_id)
    before = await stand.check(account, group.group_id, "POST")
    await stand.sanction("ACCOUNT_SUSPENDED", account=account)
    await stand.sanction("GROUP_SUSPENDED", group=group.group_id)
    assert not (await stand.check(account, group.group_id, "POST")).allowed
    await stand.tell_standing(changes.standing(Subject(account_id=account), stand.clock.now()))
    await stand.tell_standing(changes.standing(Subject(group_id=group.group_id), stand.clock.now()))
    assert await stand.check(account, group.group_id, "POST") == before


async def test_legacy_account_posts_in_its_grace_and_then_only_reads(stand: Stand) -> None:
    group = await stand.group()
    legacy = new_id()
    await stand.tell_account(changes.account(legacy, grace_end=stand.clock.now() + DAY))
    await stand.join(group.group_id, legacy)
    assert reason(await stand.check(legacy, group.group_id, "POST")) == "LEGACY_GRACE"
    stand.clock.advance(DAY)
    assert reason(await stand.check(legacy, group.group_id, "POST")) == "GRACE_ENDED"
    assert (await stand.check(legacy, group.group_id, "READ")).allowed


async def test_unverified_account_reads_what_is_open_and_posts_nowhere(stand: Stand) -> None:
    public, private = await stand.group(open_to_readers=True), await stand.group()
    unverified = new_id()
    await stand.tell_account(changes.account(unverified))
    assert (await stand.check(unverified, public.group_id, "READ")).allowed
    assert reason(await stand.check(unverified, private.group_id, "READ")) == "NOT_A_MEMBER"
    for action in ("POST", "JOIN", "CREATE_GROUP", "MANAGE"):
        assert reason(await stand.check(unverified, public.group_id, action)) == "NOT_VERIFIED"


async def test_own_writes_are_in_the_next_answer(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.verified()
    assert reason(await stand.check(account, group.group_id, "POST")) == "NOT_A_MEMBER"
    await stand.join(group.group_id, account)
    assert (await stand.check(account, group.group_id, "POST")).allowed
    assert reason(await stand.check(account, group.group_id, "JOIN")) == "ALREADY_A_MEMBER"
    leave = groups_contract.LeaveGroupRequest(request_id=new_id(), group_id=group.group_id, account_id=account)
    await stand.groups.LeaveGroup(leave)
    assert reason(await stand.check(account, group.group_id, "POST")) == "NOT_A_MEMBER"


async def test_token_of_a_write_is_answered_as_new_or_not_at_all(stand: Stand) -> None:
    founder = await stand.verified()
    request = groups_contract.CreateGroupRequest(request_id=new_id(), founder_account_id=founder, name="Gardeners")
    written = await stand.groups.CreateGroup(request)
    answer = await stand.check(founder, written.group.group_id, "MANAGE", token=written.consistency_token)
    assert answer.allowed
    for token, expected in [("rubbish", "INVALID_FIELD"), (written.group.group_id, "INVALID_FIELD")]:
        refused = await refusal_of(stand.check(founder, "", "READ", token=token))
        assert (refused.reason, refused.violations[0][0]) == (expected, "consistency_token")


async def test_token_of_a_history_that_is_not_here_is_refused(tmp_path: Path, stand: Stand) -> None:
    founder = await stand.verified()
    request = groups_contract.CreateGroupRequest(request_id=new_id(), founder_account_id=founder, name="Gardeners")
    token = (await stand.groups.CreateGroup(request)).consistency_token
    (tmp_path / "other").mkdir()
    async with standing(tmp_path / "other", f"sqlite:///{tmp_path}/other/test.db") as other:
        assert (await refusal_of(other.check(founder, "", "READ", token=token))).reason == "REVISION_UNKNOWN"
        assert (await refusal_of(other.decisions.BatchCheck(batch("READ", [founder], [], token)))).reason == (
            "REVISION_UNKNOWN"
        )


async def test_batch_answers_as_check_does_and_lists_each_answer_once(stand: Stand) -> None:
    first, second = await stand.group(), await stand.group()
    members = [await stand.join(first.group_id) for _ in range(3)]
    await stand.sanction("PUBLISHING_SUSPENDED", account=members[0])
    who = [*members, new_id()] * 2
    where = [first.group_id] * 4 + [second.group_id] * 4
    for action in ("READ", "POST", "JOIN", "MANAGE", "CREATE_GROUP"):
        answers = await stand.decisions.BatchCheck(batch(action, who, where))
        assert len(answers.decision_indexes) == len(answers.valid_until_micros) == len(who)
        assert len({decision.SerializeToString() for decision in answers.decisions}) == len(answers.decisions)
        for place, (account, group) in enumerate(zip(who, where, strict=True)):
            single = await stand.check(account, group, action)
            until = answers.valid_until_micros[place]
            decision = contract.Decision()
            decision.CopyFrom(answers.decisions[answers.decision_indexes[place]])
            if until != NEVER:
                decision.valid_until_time.FromMicroseconds(until)
            assert decision == single


async def test_batch_takes_one_group_for_all_or_none(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.join(group.group_id)
    stranger = await stand.verified()
    answers = await stand.decisions.BatchCheck(batch("POST", [account, stranger], [group.group_id]))
    assert [answers.decisions[index].allowed for index in answers.decision_indexes] == [True, False]
    answers = await stand.decisions.BatchCheck(batch("POST", [account, stranger], []))
    assert [answers.decisions[index].allowed for index in answers.decision_indexes] == [True, True]


@pytest.mark.parametrize(
    ("accounts", "groups", "field"),
    [
        ([], [], "account_ids"),
        ([new_id()] * 1001, [], "account_ids"),
        ([new_id()] * 3, [new_id()] * 2, "(message)"),
        ([new_id(), "nobody"], [], "account_ids[1]"),
        ([new_id()] * 2, [new_id(), "nowhere"], "group_ids[1]"),
    ],
)
async def test_malformed_batch_names_the_field(
    stand: Stand, accounts: list[str], groups: list[str], field: str
) -> None:
    refused = await refusal_of(stand.decisions.BatchCheck(batch("POST", accounts, groups)))
    assert refused.reason == "INVALID_FIELD"
    assert refused.violations[0][0] == field


async def test_falling_default_reaches_every_account_at_once(stand: Stand) -> None:
    account = await stand.verified()
    assert (await stand.check(account, "", "CREATE_GROUP")).allowed
    await stand.tell_standing(changes.default(Entitlements(group_class="none")))
    denied = await stand.check(account, "", "CREATE_GROUP")
    assert (reason(denied), denied.fact.id) == ("GROUP_CREATION_NOT_ENTITLED", "may_create_group")


async def test_service_that_starts_again_answers_as_before(tmp_path: Path, database_url: str) -> None:
    async with standing(tmp_path, database_url) as before:
        group = await before.group()
        account = await before.join(group.group_id)
        sanction = await before.sanction("PUBLISHING_SUSPENDED", account=account)
        answer = await before.check(account, group.group_id, "POST")
        assert answer.fact.id == sanction
    async with standing(tmp_path, database_url) as after:
        assert await after.check(account, group.group_id, "POST") == answer
        assert (await after.check(group.owner_account_id, group.group_id, "MANAGE")).allowed


async def test_write_of_another_process_is_in_answers_at_its_token(tmp_path: Path, either: Stand) -> None:
    async with standing(tmp_path, str(either.database._url)) as other:
        group = await other.group()
        account = await other.join(group.group_id)
        leave = groups_contract.LeaveGroupRequest(request_id=new_id(), group_id=group.group_id, account_id=account)
        token = (await other.groups.LeaveGroup(leave)).consistency_token
        assert reason(await either.check(account, group.group_id, "POST", token=token)) == "NOT_A_MEMBER"
        # What this process commits now does not follow on what its memory has of the other's commits.
        founder = await either.verified()
        request = groups_contract.CreateGroupRequest(request_id=new_id(), founder_account_id=founder, name="Gardeners")
        await other.join(group.group_id, account)
        written = await either.groups.CreateGroup(request)
        token = written.consistency_token
        assert (await either.check(founder, written.group.group_id, "MANAGE", token=token)).allowed
        assert (await either.check(account, group.group_id, "POST", token=token)).allowed


async def test_token_covers_commits_that_memory_has_yet_to_take_in(tmp_path: Path, stand: Stand) -> None:
    memory = DecisionMemory(stand.database)
    await memory.load()
    async with standing(tmp_path, str(stand.database._url)) as other:
        await other.verified()
    await stand.verified()
    head = (await stand.database.head()).revision
    assert memory.revision < head
    assert base64.urlsafe_b64decode(memory.token()).decode().endswith(f"/{head}")


async def test_projections_that_start_anew_forget_what_was_told(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.join(group.group_id)
    await stand.sanction("PUBLISHING_SUSPENDED", account=account)
    await stand.database.work("test", following.reset_standings)
    assert reason(await stand.check(account, group.group_id, "POST")) == "STANDING_UNKNOWN"
    await stand.tell_standing(changes.default())
    assert (await stand.check(account, group.group_id, "POST")).allowed
    await stand.database.work("test", following.reset_accounts)
    assert reason(await stand.check(account, group.group_id, "POST")) == "ACCOUNT_UNKNOWN"
    await stand.tell_account(changes.account(account, verified_until=stand.clock.now() + DAY))
    assert (await stand.check(account, group.group_id, "POST")).allowed


async def test_nobody_is_taken_for_unsanctioned_before_credit_has_told_all(stand: Stand) -> None:
    """A feed that starts anew tells the default first, and who is sanctioned later."""
    group = await stand.group()
    account, other = await stand.join(group.group_id), await stand.join(group.group_id)

    def anew(unit: Unit) -> None:
        following.reset_standings(unit)
        unit.session.merge(FeedPosition(feed=following.STANDINGS, epoch="", revision=0))

    await stand.database.work("test", anew)
    await stand.tell_standing(changes.default())
    for each in (account, other):
        assert reason(await stand.check(each, group.group_id, "POST")) == "STANDING_UNKNOWN"
    await stand.tell_standing(changes.standing(Subject(account_id=other), stand.clock.now()))
    assert reason(await stand.check(other, group.group_id, "POST")) == "STANDING_UNKNOWN", "the group's may be to come"
    sanction_id = await stand.sanction("PUBLISHING_SUSPENDED", account=account)
    await stand.database.work("test", following.release_default)
    assert (await stand.check(account, group.group_id, "POST")).fact.id == sanction_id
    assert (await stand.check(other, group.group_id, "POST")).allowed


async def test_memory_and_database_hold_the_same_facts_after_any_acts(either: Stand) -> None:
    chance = random.Random(7)  # noqa: S311 - a repeatable course of events
    memory = DecisionMemory(either.database)
    await memory.load()
    accounts = [await either.verified() for _ in range(4)]
    groups = [(await either.group(accounts[0])).group_id, (await either.group(accounts[1])).group_id]

    def act() -> Awaitable[object]:
        account, group = chance.choice(accounts), chance.choice(groups)
        leave = groups_contract.LeaveGroupRequest(request_id=new_id(), group_id=group, account_id=account)
        promote = groups_contract.SetRoleRequest(
            request_id=new_id(),
            group_id=group,
            acting_account_id=accounts[0],
            account_id=account,
            role=MemberRole.MEMBER_ROLE_MANAGER,
        )
        acts: list[Callable[[], Awaitable[object]]] = [
            lambda: either.join(group, account),
            lambda: either.groups.LeaveGroup(leave),
            lambda: either.groups.SetRole(promote),
            lambda: either.sanction("MANAGEMENT_SUSPENDED", account=account),
            lambda: either.sanction("GROUP_SUSPENDED", group=group),
            lambda: either.tell_standing(changes.standing(Subject(group_id=group), either.clock.now())),
            lambda: either.group(account),
        ]
        return chance.choice(acts)()

    for _ in range(40):
        results = await asyncio.gather(*(act() for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, OmbudError) for each in results if isinstance(each, BaseException))
    started_late = DecisionMemory(either.database)
    await started_late.load()
    assert started_late.revision == memory.revision
    for account in accounts:
        for group in groups:
            stored = await either.database.read(
                lambda session, who=account, where=group: store.situation(session, who, where)  # type: ignore[misc]  # bound at once
            )
            assert memory.state.situation(account, group) == stored
            assert started_late.state.situation(account, group) == stored


async def test_answer_says_up_to_when_it_knows_if_a_service_is_not_heard_of(either: Stand) -> None:
    account, began = await either.verified(), either.clock.now()
    one = contract.CheckRequest(account_id=account, action=Action.ACTION_POST)

    async def hear(*feeds: str) -> None:
        for feed in feeds:
            await either.database.work("test", partial(projections.keep_heard, at=either.clock.now(), feed=feed))

    async def answers_say(known: datetime | None) -> bool:
        check, many = await either.decisions.Check(one), await either.decisions.BatchCheck(batch("POST", [account], []))
        return all(
            (answer.known_until_time.ToDatetime(UTC) if answer.HasField("known_until_time") else None) == known
            for answer in (check, many)
        )

    await hear(following.ACCOUNTS, following.STANDINGS)
    either.clock.advance(timedelta(seconds=5))
    assert await answers_say(None)
    either.clock.advance(timedelta(seconds=1))
    await eventually(lambda: answers_say(began))
    await hear(following.ACCOUNTS)
    assert await answers_say(began)
    await hear(following.STANDINGS)
    await eventually(lambda: answers_say(None))
