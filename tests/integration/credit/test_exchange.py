import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.credit.v1 import appeal_service_pb2 as appeals
from ombud.credit.v1 import blacklist_service_pb2 as pb
from ombud.credit.v1 import standing_service_pb2 as standings
from ombud.credit.v1 import types_pb2 as credit
from ombud.credit.v1.blacklist_service_pb2_grpc import BlacklistServiceStub
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from services.credit.blacklist import admission
from tests.integration.credit.court import Court
from tests.integration.credit.instances import instance
from tests.support.eventually import eventually
from tests.support.refusals import refusal_of

DAY = timedelta(days=1)


@dataclass
class Instances:
    """North lists people; South admits what North exported."""

    north: Court
    south: Court

    async def exported(self) -> pb.ExportBlacklistResponse:
        return await self.north.desk(BlacklistServiceStub, "moderator", "mod-1").ExportBlacklist(
            pb.ExportBlacklistRequest()
        )

    async def proposed(
        self, *listings: pb.ExchangedListing, exchange_id: str = "", by: str = "mod-1"
    ) -> pb.ProposeExchangeResponse:
        request = pb.ProposeExchangeRequest(
            request_id=new_id(), origin="north", listings=listings, exchange_id=exchange_id
        )
        return await self.south.desk(BlacklistServiceStub, "moderator", by).ProposeExchange(request)

    async def exchange(self, exchange_id: str) -> pb.BlacklistExchange:
        request = pb.GetExchangeRequest(exchange_id=exchange_id)
        return (await self.south.desk(BlacklistServiceStub, "approver", "app-1").GetExchange(request)).exchange

    async def approved(self, exchange_id: str, *, by: str = "app-1", parts: int = 0) -> pb.BlacklistExchange:
        request = pb.ApproveExchangeRequest(request_id=new_id(), exchange_id=exchange_id, part_count=parts)
        return (await self.south.desk(BlacklistServiceStub, "approver", by).ApproveExchange(request)).exchange

    async def exchanged(self) -> pb.BlacklistExchange:
        """All that North exports, admitted by South."""
        told = await self.proposed(*(await self.exported()).listings)
        return await self.approved(told.exchange.exchange_id)

    async def listed(self, subject: Subject) -> pb.BlacklistEntry | None:
        request = pb.CheckBlacklistRequest(subject=subject)
        reply = await self.south.platform(BlacklistServiceStub).CheckBlacklist(request)
        return reply.entry if reply.HasField("entry") else None

    async def revoke(self, entry_id: str, court: Court, reasons: str = "Somebody else was meant.") -> pb.BlacklistEntry:
        request = pb.RevokeListingRequest(request_id=new_id(), entry_id=entry_id, reasons=reasons)
        return (await court.desk(BlacklistServiceStub, "approver", "app-2").RevokeListing(request)).entry


@pytest.fixture
async def instances(tmp_path: Path, database_url: str) -> AsyncIterator[Instances]:
    key_file = tmp_path / "blacklist.key"
    async with contextlib.AsyncExitStack() as stack:
        north = await stack.enter_async_context(instance("north", tmp_path, f"sqlite:///{tmp_path}/north.db", key_file))
        south = await stack.enter_async_context(instance("south", tmp_path, database_url, key_file))
        yield Instances(north, south)


async def test_two_persons_admit_what_another_instance_lists_and_it_counts_in_nobodys_standing(
    instances: Instances,
) -> None:
    subject = Subject(account_id=new_id())
    sanction = await instances.north.in_force(instances.north.proposal(subject, credit.MEASURE_KIND_BLACKLISTED))
    before = await instances.south.standing(subject)
    exported = await instances.exported()
    assert exported.origin == "north"
    assert subject.account_id not in str(exported)

    told = await instances.proposed(*exported.listings)

    assert (told.exchange.state, told.exchange.new_count) == (pb.EXCHANGE_STATE_PROPOSED, 1)
    assert await instances.listed(subject) is None
    approved = await instances.approved(told.exchange.exchange_id)
    assert (approved.state, approved.new_count) == (pb.EXCHANGE_STATE_APPROVED, 1)
    entry = await instances.listed(subject)
    assert entry is not None
    assert (entry.origin, entry.sanction_id, entry.subject) == ("north", sanction.sanction_id, subject)
    assert await instances.listed(Subject(group_id=subject.account_id)) is None
    assert await instances.south.standing(subject) == before
    ledger = standings.ListLedgerRequest(subject=subject)
    assert not (await instances.south.platform(StandingServiceStub).ListLedger(ledger)).entries
    instances.south.suite.clock.advance(30 * DAY)
    assert await instances.listed(subject) is None


async def test_one_person_does_not_admit_alone(instances: Instances) -> None:
    await instances.north.in_force(
        instances.north.proposal(Subject(account_id=new_id()), credit.MEASURE_KIND_BLACKLISTED)
    )
    told = await instances.proposed(*(await instances.exported()).listings)
    refused = await refusal_of(instances.approved(told.exchange.exchange_id, by="mod-1"))
    assert refused.reason == "SECOND_PERSON_REQUIRED"
    await instances.approved(told.exchange.exchange_id)
    refused = await refusal_of(instances.approved(told.exchange.exchange_id))
    assert (refused.reason, refused.facts["state"]) == ("WRONG_STATE", "APPROVED")


async def test_large_exchange_comes_in_parts_and_is_admitted_in_portions(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Portions of one, as if an exchange of three were one of fifteen thousand.
    monkeypatch.setattr(admission, "AT_ONCE", 1)
    north, subjects = instances.north, [Subject(account_id=new_id()) for _ in range(3)]
    for subject in subjects:
        await north.in_force(north.proposal(subject, credit.MEASURE_KIND_BLACKLISTED))
    first, *rest = (await instances.exported()).listings

    exchange_id = (await instances.proposed(first)).exchange.exchange_id
    strange = await refusal_of(instances.proposed(*rest, exchange_id=exchange_id, by="mod-2"))
    double = await refusal_of(instances.proposed(first, exchange_id=exchange_id))
    whole = (await instances.proposed(*rest, exchange_id=exchange_id)).exchange
    unseen = await refusal_of(instances.approved(exchange_id))
    approved = await instances.approved(exchange_id, parts=2)

    assert (strange.reason, strange.facts["exchange_id"]) == ("PROPOSAL_NOT_YOURS", exchange_id)
    assert [each.field for each in (*double.violations, *unseen.violations)] == ["listings", "part_count"]
    assert (whole.part_count, whole.new_count, whole.waiting_count) == (2, 3, 0)
    assert (approved.new_count, approved.waiting_count) == (1, 2)

    async def admitted() -> bool:
        return (await instances.exchange(exchange_id)).waiting_count == 0

    await eventually(admitted)
    assert (await instances.exchange(exchange_id)).new_count == 3
    assert all([await instances.listed(subject) for subject in subjects])


async def test_who_won_the_appeal_at_the_origin_goes_with_the_next_exchange(instances: Instances) -> None:
    north, subject = instances.north, Subject(account_id=new_id())
    sanction = await north.in_force(north.proposal(subject, credit.MEASURE_KIND_BLACKLISTED))
    first = await instances.exported()
    await instances.exchanged()
    appeal_id = (await north.file(sanction.sanction_id, subject.account_id)).appeal_id
    north.suite.clock.advance(14 * DAY)
    stayed = await instances.proposed(*(await instances.exported()).listings)
    assert stayed.exchange.revoked_count == 1
    await instances.approved(stayed.exchange.exchange_id)
    assert await instances.listed(subject) is None
    stale = await instances.proposed(*first.listings)
    assert [each.cause for each in stale.refusals] == [pb.LISTING_REFUSAL_CAUSE_SUPERSEDED]
    await north.reviewers("rev-1")
    await north.under_review(appeal_id)
    await north.decide(appeal_id, appeals.APPEAL_OUTCOME_UPHELD)
    assert (await instances.exchanged()).changed_count == 1
    assert await instances.listed(subject) is not None
    assert (await instances.exchanged()).unchanged_count == 1


async def test_entry_that_this_instance_revoked_does_not_come_back(instances: Instances) -> None:
    north, subject = instances.north, Subject(account_id=new_id())
    sanction = await north.in_force(north.proposal(subject, credit.MEASURE_KIND_BLACKLISTED))
    await instances.exchanged()
    entry = await instances.listed(subject)
    assert entry is not None
    refused = await refusal_of(instances.revoke(entry.entry_id, instances.south, reasons=" "))
    assert (refused.reason, refused.facts["missing"]) == ("REASONS_REQUIRED", "reasons")

    gone = await instances.revoke(entry.entry_id, instances.south)

    assert gone.HasField("revoke_time")
    assert await instances.listed(subject) is None
    assert (await refusal_of(instances.revoke(entry.entry_id, instances.south))).reason == "WRONG_STATE"
    north.suite.clock.advance(DAY)
    again = await instances.proposed(*(await instances.exported()).listings)
    assert [each.cause for each in again.refusals] == [pb.LISTING_REFUSAL_CAUSE_REVOKED_HERE]
    refused = await refusal_of(instances.revoke(entry.entry_id, north))
    assert (refused.reason, refused.facts["sanction_id"]) == ("ENTRY_OF_SANCTION", sanction.sanction_id)
    assert (await refusal_of(instances.revoke(new_id(), instances.south))).reason == "NOT_FOUND"


async def test_altered_foreign_and_own_entries_are_refused_by_name(instances: Instances) -> None:
    north = instances.north
    await north.in_force(north.proposal(Subject(account_id=new_id()), credit.MEASURE_KIND_BLACKLISTED))
    (listing,) = (await instances.exported()).listings
    altered = pb.ExchangedListing()
    altered.CopyFrom(listing)
    altered.register_again_time.seconds += 86_400
    refused = await refusal_of(instances.proposed(altered))
    assert (refused.reason, refused.violations[0][0]) == ("LISTING_SEAL_BROKEN", "listings[0].seal")
    request = pb.ProposeExchangeRequest(request_id=new_id(), origin="west", listings=[listing])
    stub = instances.south.desk(BlacklistServiceStub, "moderator", "mod-1")
    assert (await refusal_of(stub.ProposeExchange(request))).reason == "LISTING_SEAL_BROKEN"
    home = north.desk(BlacklistServiceStub, "moderator", "mod-1")
    request.origin = "north"
    refused = await refusal_of(home.ProposeExchange(request))
    assert (refused.reason, refused.facts["field"]) == ("INVALID_FIELD", "origin")
    instances.south.suite.clock.advance(31 * DAY)
    late = await instances.proposed(listing)
    assert [each.cause for each in late.refusals] == [pb.LISTING_REFUSAL_CAUSE_ENDED]


async def test_list_is_there_again_after_a_restart(tmp_path: Path) -> None:
    key_file, url = tmp_path / "blacklist.key", f"sqlite:///{tmp_path}/south.db"
    subject = Subject(account_id=new_id())
    async with instance("north", tmp_path, f"sqlite:///{tmp_path}/north.db", key_file) as north:
        own = await north.in_force(north.proposal(Subject(account_id=new_id()), credit.MEASURE_KIND_BLACKLISTED))
        await north.in_force(north.proposal(subject, credit.MEASURE_KIND_BLACKLISTED))
        async with instance("south", tmp_path, url, key_file) as south:
            await Instances(north, south).exchanged()
        async with instance("south", tmp_path, url, key_file) as south:
            entry = await Instances(north, south).listed(subject)
            assert entry is not None
            assert entry.origin == "north"
    async with instance("north", tmp_path, f"sqlite:///{tmp_path}/north.db", key_file) as north:
        request = pb.BatchCheckBlacklistRequest(subjects=[subject, own.subject])
        reply = await north.platform(BlacklistServiceStub).BatchCheckBlacklist(request)
        assert {each.subject.account_id for each in reply.entries} == {subject.account_id, own.subject.account_id}
