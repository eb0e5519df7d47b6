"""Follows identity and credit: keeps what they say, and tells the service's own feed in the same transaction."""

from functools import partial

from chassis.db import Database, Unit
from chassis.follow import Follower, told_all
from chassis.peers import Peers
from chassis.telemetry import Telemetry
from ombud.credit.v1.standing_service_pb2 import (
    DefaultEntitlements,
    StandingChange,
    SubjectEntitlements,
    WatchStandingRequest,
)
from ombud.credit.v1.standing_service_pb2_grpc import StandingServiceStub
from ombud.groups.v1.change_pb2 import PROJECTION_ACCOUNTS, PROJECTION_STANDINGS, GroupsChange
from ombud.identity.v1.account_service_pb2 import Account, AccountChange, WatchAccountsRequest
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceStub
from services.groups.projections import store, wire
from services.groups.stewardship import domain as stewardship
from services.groups.stewardship import store as duties
from services.groups.wire import of_group

ACCOUNTS, STANDINGS = "identity-accounts", "credit-standings"
_RESET = "reset"


def accounts(database: Database, peers: Peers, telemetry: Telemetry) -> Follower[AccountChange]:
    """Follows the accounts of identity."""
    return Follower(
        ACCOUNTS,
        database,
        telemetry,
        open_stream=lambda position: AccountServiceStub(peers.channel("identity")).WatchAccounts(
            WatchAccountsRequest(from_revision=position.revision, epoch=position.epoch, changes_together=True)
        ),
        apply=apply_account,
        reset=reset_accounts,
        heard=partial(store.keep_heard, feed=ACCOUNTS),
    )


def standings(database: Database, peers: Peers, telemetry: Telemetry) -> Follower[StandingChange]:
    """Follows the standings of credit."""
    return Follower(
        STANDINGS,
        database,
        telemetry,
        open_stream=lambda position: StandingServiceStub(peers.channel("credit")).WatchStanding(
            WatchStandingRequest(from_revision=position.revision, epoch=position.epoch, changes_together=True)
        ),
        apply=apply_standing,
        reset=reset_standings,
        complete=release_default,
        heard=partial(store.keep_heard, feed=STANDINGS),
    )


def apply_account(unit: Unit, change: AccountChange) -> None:
    """Keeps what decisions need of an account, and nothing else that is known of it."""
    told = change.account
    account = Account(account_id=told.account_id, level=told.level, legacy=told.legacy)
    if told.HasField("verified_until"):
        account.verified_until.CopyFrom(told.verified_until)
    if told.HasField("grace_end_time"):
        account.grace_end_time.CopyFrom(told.grace_end_time)
    store.keep_account(unit, account)
    unit.change(account.account_id, GroupsChange(account=account))


def apply_standing(unit: Unit, change: StandingChange) -> None:
    """Keeps a standing, or the entitlements by default.

    The default is held back until credit has told all standings that there are: whoever is not told of yet may be
    sanctioned.
    """
    if change.HasField("subject"):
        store.keep_standing(unit, change.subject)
        unit.change(wire.subject_key(change.subject.subject), GroupsChange(standing=change.subject))
        _excuse_owners(unit, change.subject)
    elif told_all(unit.session, STANDINGS):
        _tell_default(unit, change.defaults)
    else:
        store.hold_default(unit, change.defaults)


def release_default(unit: Unit) -> None:
    """Lets the default that was held back count: all standings are told."""
    held = store.held_default(unit.session)
    if held is not None:
        _tell_default(unit, held)


def _tell_default(unit: Unit, defaults: DefaultEntitlements) -> None:
    store.keep_default(unit, defaults)
    unit.change("default", GroupsChange(default_entitlements=defaults))


def _excuse_owners(unit: Unit, standing: SubjectEntitlements) -> None:
    """Excuses owners from notices that a sanction has just kept them from curing."""
    restrictions = [each for each in wire.standing(standing).restrictions if each.bars_management]
    if not restrictions:
        return
    for entry in duties.served(unit.session, standing.subject, unit.now):
        excused = stewardship.excuse(entry, restrictions, unit.now)
        if excused is not entry:
            duties.keep(unit.session, excused)
            unit.audit(
                "groups.duty.excused",
                subject=of_group(entry.group_id),
                resource_id=entry.notice_id,
                facts={"owner": entry.owner_account_id},
            )


def reset_accounts(unit: Unit) -> None:
    """Forgets all accounts, before they are told anew."""
    store.drop_accounts(unit.session)
    unit.change(_RESET, GroupsChange(reset=PROJECTION_ACCOUNTS))


def reset_standings(unit: Unit) -> None:
    """Forgets all standings, before they are told anew."""
    store.drop_standings(unit.session)
    unit.change(_RESET, GroupsChange(reset=PROJECTION_STANDINGS))
