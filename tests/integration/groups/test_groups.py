import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from stdnum import damm

from chassis.db import Unit
from chassis.ids import new_id
from ombud.client import OmbudError
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1.types_pb2 import Entitlements
from ombud.groups.v1 import group_service_pb2 as contract
from ombud.groups.v1.group_service_pb2 import GroupState, MemberRole
from tests.integration.groups.stand import Stand
from tests.support.refusals import refusal_of
from tests.unit.groups import changes

OWNER, MANAGER, MEMBER = (MemberRole.Value(f"MEMBER_ROLE_{name}") for name in ("OWNER", "MANAGER", "MEMBER"))


def creation(founder: str, **fields: object) -> contract.CreateGroupRequest:
    usual = {"request_id": new_id(), "founder_account_id": founder, "name": "Gardeners"}
    return contract.CreateGroupRequest(**usual | fields)  # type: ignore[arg-type]  # fields of many types


def joining(group_id: str, account_id: str) -> contract.JoinGroupRequest:
    return contract.JoinGroupRequest(request_id=new_id(), group_id=group_id, account_id=account_id)


def leaving(group_id: str, account_id: str) -> contract.LeaveGroupRequest:
    return contract.LeaveGroupRequest(request_id=new_id(), group_id=group_id, account_id=account_id)


def role(group_id: str, acting: str, account_id: str, value: MemberRole.ValueType) -> contract.SetRoleRequest:
    return contract.SetRoleRequest(
        request_id=new_id(), group_id=group_id, acting_account_id=acting, account_id=account_id, role=value
    )


async def test_class_and_caps_follow_from_the_founders_entitlements(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    assert (group.group_class, group.most_members, group.member_count) == ("large", 5, 1)
    assert group.owner_account_id == founder
    assert group.state == GroupState.GROUP_STATE_ACTIVE
    assert (await stand.group(founder, most_members=3)).most_members == 3
    found = await stand.groups.GetGroup(contract.GetGroupRequest(group_id=group.group_id))
    assert found.group == group


async def test_code_has_the_packs_length_and_a_check_digit_and_finds_its_group(stand: Stand) -> None:
    group = await stand.group()
    assert len(group.code) == 9
    assert damm.is_valid(group.code)
    found = await stand.groups.FindGroupByCode(contract.FindGroupByCodeRequest(code=group.code))
    assert found.group.group_id == group.group_id


async def test_slip_of_the_finger_in_a_code_is_told_from_a_code_nobody_has(stand: Stand) -> None:
    group = await stand.group()
    last = (int(group.code[-1]) + 1) % 10
    refused = await refusal_of(
        stand.groups.FindGroupByCode(contract.FindGroupByCodeRequest(code=f"{group.code[:-1]}{last}"))
    )
    assert (refused.reason, refused.violations[0][0]) == ("GROUP_CODE_INVALID", "code")
    body = f"{(int(group.code[:-1]) + 1) % 10**8:08d}"
    other = f"{body}{damm.calc_check_digit(body)}"
    refused = await refusal_of(stand.groups.FindGroupByCode(contract.FindGroupByCodeRequest(code=other)))
    assert refused.reason == "NOT_FOUND"


async def test_one_group_too_many_is_refused_with_reason_and_cap(stand: Stand) -> None:
    founder = await stand.verified()
    await stand.group(founder)
    await stand.group(founder)
    refused = await refusal_of(stand.groups.CreateGroup(creation(founder)))
    assert refused.reason == "GROUPS_OWNED_CAP"
    assert (refused.facts["cap"], refused.facts["limit"]) == ("most_groups_owned", "2")
    assert refused.satisfy


async def test_racing_foundings_of_one_account_stop_at_its_cap(either: Stand) -> None:
    founder = await either.verified()
    results = await asyncio.gather(
        *(either.groups.CreateGroup(creation(founder)) for _ in range(20)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, OmbudError)]
    assert len(refused) == 18
    assert {error.reason for error in refused} == {"GROUPS_OWNED_CAP"}


async def test_racing_joins_stop_at_the_groups_cap_and_count_right(either: Stand) -> None:
    group = await either.group()
    accounts = [await either.verified() for _ in range(12)]
    results = await asyncio.gather(
        *(either.groups.JoinGroup(joining(group.group_id, account)) for account in accounts), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, OmbudError)]
    assert len(refused) == 12 - 4
    assert {error.reason for error in refused} == {"GROUP_MEMBERS_CAP"}
    after = (await either.groups.GetGroup(contract.GetGroupRequest(group_id=group.group_id))).group
    assert after.member_count == after.most_members == 5


async def test_account_in_as_many_groups_as_its_standing_allows_joins_no_other(stand: Stand) -> None:
    account = await stand.verified()
    for _ in range(4):
        await stand.join((await stand.group()).group_id, account)
    fifth = await stand.group()
    refused = await refusal_of(stand.groups.JoinGroup(joining(fifth.group_id, account)))
    assert (refused.reason, refused.facts["limit"]) == ("GROUPS_JOINED_CAP", "4")


async def test_size_beyond_the_entitlement_is_refused_with_the_cap(stand: Stand) -> None:
    refused = await refusal_of(stand.groups.CreateGroup(creation(await stand.verified(), most_members=6)))
    assert (refused.reason, refused.facts["limit"]) == ("GROUP_SIZE_CAP", "5")
    assert refused.violations[0][0] == "most_members"


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "Gar\ndeners", "Gar\u202edeners", "\u2066Gardeners"])
async def test_name_that_could_mislead_is_refused(stand: Stand, name: str) -> None:
    refused = await refusal_of(stand.groups.CreateGroup(creation(await stand.verified(), name=name)))
    assert (refused.reason, refused.violations[0][0]) == ("INVALID_FIELD", "name")


@pytest.mark.parametrize("name", ["园艺", "बागवान", "Gardeners \U0001f469\u200d\U0001f33e", "Тёплый дом"])
async def test_name_may_be_of_any_writing(stand: Stand, name: str) -> None:
    assert (await stand.groups.CreateGroup(creation(await stand.verified(), name=name))).group.name == name


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        ("GROUP_CREATION_CANCELLED", "GROUP_CREATION_CANCELLED"),
        ("ACCOUNT_SUSPENDED", "ACCOUNT_SUSPENDED"),
        ("ACCOUNT_CLOSED", "MEMBER_ACCOUNT_CLOSED"),
        ("BLACKLISTED", "ACCOUNT_BLACKLISTED"),
    ],
)
async def test_sanctioned_account_founds_no_group_until_the_term_is_over(
    stand: Stand, measure: str, reason: str
) -> None:
    founder = await stand.verified()
    sanction = await stand.sanction(measure, account=founder, end=stand.clock.now() + timedelta(days=7))
    refused = await refusal_of(stand.groups.CreateGroup(creation(founder)))
    assert (refused.reason, refused.facts["sanction"]) == (reason, sanction)
    stand.clock.advance(timedelta(days=7))
    await stand.groups.CreateGroup(creation(founder))


async def test_founder_whose_standing_has_fallen_is_refused(stand: Stand) -> None:
    founder = await stand.verified()
    none = Entitlements(group_class="none")
    await stand.tell_standing(
        changes.standing(Subject(account_id=founder), stand.clock.now(), spans=[(stand.clock.now(), none)])
    )
    refused = await refusal_of(stand.groups.CreateGroup(creation(founder)))
    assert (refused.reason, refused.facts["cap"]) == ("GROUP_CREATION_NOT_ENTITLED", "may_create_group")


async def test_unverified_and_unknown_accounts_neither_found_nor_join(stand: Stand) -> None:
    group = await stand.group()
    unverified = new_id()
    await stand.tell_account(changes.account(unverified))
    for account, reason in [(unverified, "VERIFICATION_NEEDED"), (new_id(), "MEMBER_ACCOUNT_UNKNOWN")]:
        assert (await refusal_of(stand.groups.CreateGroup(creation(account)))).reason == reason
        assert (await refusal_of(stand.groups.JoinGroup(joining(group.group_id, account)))).reason == reason


@pytest.mark.parametrize(
    ("measure", "reason", "state"),
    [
        ("GROUP_SUSPENDED", "GROUP_SUSPENDED", GroupState.GROUP_STATE_SUSPENDED),
        ("GROUP_CLOSED", "GROUP_CLOSED", GroupState.GROUP_STATE_CLOSED),
        ("BLACKLISTED", "GROUP_BLACKLISTED", GroupState.GROUP_STATE_SUSPENDED),
    ],
)
async def test_sanctioned_group_takes_nobody_and_comes_back_when_the_sanction_goes(
    stand: Stand, measure: str, reason: str, state: GroupState.ValueType
) -> None:
    group = await stand.group()
    account = await stand.verified()
    sanction = await stand.sanction(measure, group=group.group_id)
    refused = await refusal_of(stand.groups.JoinGroup(joining(group.group_id, account)))
    assert (refused.reason, refused.facts["sanction"]) == (reason, sanction)
    shown = (await stand.groups.GetGroup(contract.GetGroupRequest(group_id=group.group_id))).group
    assert (shown.state, shown.state_sanction_id) == (state, sanction)
    await stand.tell_standing(changes.standing(Subject(group_id=group.group_id), stand.clock.now()))
    await stand.join(group.group_id, account)
    shown = (await stand.groups.GetGroup(contract.GetGroupRequest(group_id=group.group_id))).group
    assert shown.state == GroupState.GROUP_STATE_ACTIVE


async def test_members_are_labelled_with_their_roles(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    account = await stand.join(group.group_id)
    await stand.groups.SetRole(role(group.group_id, founder, account, MANAGER))
    await stand.join(group.group_id)
    members = (await stand.groups.ListMembers(contract.ListMembersRequest(group_id=group.group_id))).members
    assert sorted(member.label for member in members) == ["Manager", "Member", "Owner"]


async def test_only_those_who_manage_set_roles(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    first, second = await stand.join(group.group_id), await stand.join(group.group_id)
    refused = await refusal_of(stand.groups.SetRole(role(group.group_id, first, second, MANAGER)))
    assert refused.reason == "ROLE_NOT_HELD"
    await stand.groups.SetRole(role(group.group_id, founder, first, MANAGER))
    answer = await stand.groups.SetRole(role(group.group_id, first, second, MANAGER))
    assert answer.member.role == MANAGER
    await stand.sanction("MANAGEMENT_SUSPENDED", account=first)
    refused = await refusal_of(stand.groups.SetRole(role(group.group_id, first, second, MEMBER)))
    assert refused.reason == "MANAGEMENT_SUSPENDED"


async def test_owner_can_neither_leave_nor_take_another_role(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    assert (await refusal_of(stand.groups.LeaveGroup(leaving(group.group_id, founder)))).reason == "OWNER_MUST_STAY"
    refused = await refusal_of(stand.groups.SetRole(role(group.group_id, founder, founder, MEMBER)))
    assert refused.reason == "OWNER_MUST_STAY"


async def test_nobody_becomes_owner_by_role(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    account = await stand.join(group.group_id)
    refused = await refusal_of(stand.groups.SetRole(role(group.group_id, founder, account, OWNER)))
    assert (refused.reason, refused.violations[0][0]) == ("INVALID_FIELD", "role")


async def test_sanctioned_member_may_leave(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.join(group.group_id)
    await stand.sanction("ACCOUNT_SUSPENDED", account=account)
    await stand.groups.LeaveGroup(leaving(group.group_id, account))
    member = contract.GetMemberRequest(group_id=group.group_id, account_id=account)
    assert (await refusal_of(stand.groups.GetMember(member))).reason == "NOT_FOUND"
    assert (await refusal_of(stand.groups.LeaveGroup(leaving(group.group_id, account)))).reason == "NOT_A_MEMBER"


async def test_member_joins_once(stand: Stand) -> None:
    group = await stand.group()
    account = await stand.join(group.group_id)
    refused = await refusal_of(stand.groups.JoinGroup(joining(group.group_id, account)))
    assert refused.reason == "ALREADY_A_MEMBER"


async def test_repeated_request_has_one_effect(stand: Stand) -> None:
    founder = await stand.verified()
    request = creation(founder)
    first, again = await stand.groups.CreateGroup(request), await stand.groups.CreateGroup(request)
    assert first.group == again.group
    request.name = "Others"
    assert (await refusal_of(stand.groups.CreateGroup(request))).reason == "REQUEST_ID_REUSED"


async def test_pages_of_members_hold_each_once(either: Stand) -> None:
    group = await either.group()
    for _ in range(4):
        await either.join(group.group_id)
    request = contract.ListMembersRequest(group_id=group.group_id, page_size=2)
    sizes, seen = [], []
    while True:
        page = await either.groups.ListMembers(request)
        sizes.append(len(page.members))
        seen += [member.account_id for member in page.members]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert sizes == [2, 2, 1]
    assert seen == sorted(set(seen))


async def test_acts_are_audited_with_ids_alone(stand: Stand) -> None:
    founder = await stand.verified()
    group = await stand.group(founder)
    account = await stand.join(group.group_id)
    await stand.groups.SetRole(role(group.group_id, founder, account, MANAGER))
    await stand.groups.LeaveGroup(leaving(group.group_id, account))
    records = await stand.audited()
    assert [record.action for record in records] == [
        "groups.group.created",
        "groups.member.joined",
        "groups.member.role_set",
        "groups.member.left",
    ]
    assert {record.subject.group_id for record in records} == {group.group_id}
    assert all("Gardeners" not in str(record) for record in records)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE chat_group SET member_count = most_members + 1",
        "UPDATE chat_group SET member_count = 0",
        "UPDATE member SET role = 'OWNER'",
        "UPDATE member SET role = 'KING'",
        "DELETE FROM chat_group",
    ],
)
async def test_database_itself_holds_caps_and_the_one_owner(either: Stand, attack: str) -> None:
    await either.join((await either.group()).group_id)

    def breach(unit: Unit) -> None:
        unit.session.connection().execute(text(attack))

    with pytest.raises(IntegrityError):
        await either.database.work("attack", breach)
