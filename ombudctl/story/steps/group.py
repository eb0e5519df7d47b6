"""Step 3: a group with caps, members and roles."""

from typing import TYPE_CHECKING

from ombud.client import request_id
from ombud.groups.v1.group_service_pb2 import (
    MEMBER_ROLE_MANAGER,
    CreateGroupRequest,
    CreateGroupResponse,
    FindGroupByCodeRequest,
    GetMemberRequest,
    JoinGroupRequest,
    JoinGroupResponse,
    LeaveGroupRequest,
    ListMembersRequest,
    SetRoleRequest,
)
from ombud.groups.v1.group_service_pb2_grpc import GroupServiceStub
from ombudctl.chat import Kind
from ombudctl.story.scene import Scene
from ombudctl.story.world import World

if TYPE_CHECKING:
    from ombud.groups.v1.group_service_pb2_grpc import GroupServiceAsyncStub


async def play(world: World, scene: Scene) -> None:
    """Founds groups up to the cap and fills one."""
    groups = GroupServiceStub(world.suite.workload("platform"))
    await _found(world, scene, groups)
    await _join(world, scene, groups)
    await _roles(world, scene, groups)


async def _found(world: World, scene: Scene, groups: "GroupServiceAsyncStub") -> None:
    tier = world.pack.credit.tiers[0]
    caps = tier.entitlements
    scene.says(
        f"The policy gives a founder of tier '{tier.name}' {caps.most_groups_owned} groups of class"
        f" '{caps.group_class}' with {caps.most_group_members} members each."
    )

    async def found(founder: str, name: str) -> CreateGroupResponse:
        request = CreateGroupRequest(
            request_id=request_id(), founder_account_id=founder, name=name, open_to_readers=True
        )
        return await groups.CreateGroup(request)

    await scene.refuses("an unverified founder", "VERIFICATION_NEEDED", found(world.cast.lurker, "quiet room"))
    group = (await found(world.cast.founder, _channel(world))).group
    world.group_id, world.group_code = group.group_id, group.code
    scene.proves(
        f"group {group.code} is of class '{group.group_class}' for {group.most_members} members",
        (group.group_class, group.most_members) == (caps.group_class, caps.most_group_members)
        and len(group.code) == world.pack.groups.code_digits,
    )
    found_again = await groups.FindGroupByCode(FindGroupByCodeRequest(code=group.code))
    scene.proves("its code finds it", found_again.group.group_id == group.group_id)
    slip = group.code[:-1] + str((int(group.code[-1]) + 1) % 10)
    await scene.refuses(
        "a slip in the code", "GROUP_CODE_INVALID", groups.FindGroupByCode(FindGroupByCodeRequest(code=slip))
    )
    for number in range(2, caps.most_groups_owned + 1):
        other = await found(world.cast.founder, f"annex {number}")
        world.other_group_id = other.group.group_id
    refusal = await scene.refuses(
        f"group {caps.most_groups_owned + 1} of one founder",
        "GROUPS_OWNED_CAP",
        found(world.cast.founder, "one too many"),
    )
    scene.proves("the refusal names the cap", str(caps.most_groups_owned) in refusal.facts.values())
    scene.counts(groups=caps.most_groups_owned)


def _channel(world: World) -> str:
    joins = (line.event.text for line in world.script.lines if line.event.kind is Kind.JOIN)
    return next(joins, "tidepool").lstrip("#")


async def _join(world: World, scene: Scene, groups: "GroupServiceAsyncStub") -> None:
    scene.says("Members join as the log's people do: a tenth of those who write now, the others when their turn comes.")

    async def join(account_id: str) -> JoinGroupResponse:
        request = JoinGroupRequest(request_id=request_id(), group_id=world.group_id, account_id=account_id)
        return await groups.JoinGroup(request)

    cast = world.cast
    await scene.refuses("an unverified account joining", "VERIFICATION_NEEDED", join(cast.lurker))
    await scene.each("joining", [cast.helper, cast.rowdy, *world.present], join)
    await scene.refuses("joining twice", "ALREADY_A_MEMBER", join(cast.helper))
    listed, token = 0, ""
    while True:
        page = await groups.ListMembers(ListMembersRequest(group_id=world.group_id, page_size=500, page_token=token))
        listed, token = listed + len(page.members), page.next_page_token
        if not token:
            break
    scene.proves(f"{listed} members are listed, page by page", listed == len(world.present) + 3)
    await groups.LeaveGroup(LeaveGroupRequest(request_id=request_id(), group_id=world.group_id, account_id=cast.helper))
    await join(cast.helper)
    await scene.refuses(
        "the owner leaving",
        "OWNER_MUST_STAY",
        groups.LeaveGroup(LeaveGroupRequest(request_id=request_id(), group_id=world.group_id, account_id=cast.founder)),
    )


async def _roles(world: World, scene: Scene, groups: "GroupServiceAsyncStub") -> None:
    cast = world.cast

    def role(acting: str, account_id: str) -> SetRoleRequest:
        return SetRoleRequest(
            request_id=request_id(),
            group_id=world.group_id,
            acting_account_id=acting,
            account_id=account_id,
            role=MEMBER_ROLE_MANAGER,
        )

    await scene.refuses("a plain member giving roles", "ROLE_NOT_HELD", groups.SetRole(role(cast.helper, cast.rowdy)))
    for account_id in (cast.helper, cast.rowdy):
        await groups.SetRole(role(cast.founder, account_id))
    labels = [
        (await groups.GetMember(GetMemberRequest(group_id=world.group_id, account_id=account_id))).member.label
        for account_id in (cast.founder, cast.helper, cast.rowdy)
    ]
    scene.proves("roles are labelled: Owner, Manager, Manager", labels == ["Owner", "Manager", "Manager"])
