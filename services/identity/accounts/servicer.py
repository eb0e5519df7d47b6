"""AccountService: messages to rules and back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from grpc.aio import ServicerContext

from chassis.db import Database, Unit
from chassis.db.batch import FeedEntry
from chassis.enums import value_of
from chassis.feed import Feed
from chassis.ids import new_id
from chassis.pages import Pages
from ombud.common.v1.types_pb2 import FeedCheckpoint, Subject
from ombud.identity.v1 import account_service_pb2 as pb
from ombud.identity.v1.account_service_pb2_grpc import AccountServiceServicer
from policies.schedule import Schedule
from services.identity.accounts import domain, store
from services.identity.accounts.domain import Account, AccountKind, HolderKind
from services.identity.wire import account_message

Context = ServicerContext[Any, Any]


class AccountServicer(AccountServiceServicer):
    """Registers, renames and shows accounts."""

    def __init__(self, database: Database, schedule: Schedule, pages: Pages) -> None:
        self._database = database
        self._schedule = schedule
        self._pages = pages

    async def RegisterAccount(
        self, request: pb.RegisterAccountRequest, _context: Context
    ) -> pb.RegisterAccountResponse:
        """Registers an account."""

        def command(unit: Unit) -> pb.RegisterAccountResponse:
            policy = self._schedule.at(unit.now).identity
            account = domain.register(
                new_id(),
                kind=value_of(pb.AccountKind, AccountKind, request.kind),
                holder_kind=value_of(pb.HolderKind, HolderKind, request.holder_kind),
                nickname=request.nickname,
                at=unit.now,
                legacy_grace=timedelta(days=policy.legacy_grace_days) if request.legacy else None,
            )
            store.add(unit, account)
            return pb.RegisterAccountResponse(account=_told(unit, account, "registered"))

        return await self._database.write(command)

    async def GetAccount(self, request: pb.GetAccountRequest, _context: Context) -> pb.GetAccountResponse:
        """Shows an account."""
        account = await self._database.read(lambda session: store.get(session, request.account_id))
        return pb.GetAccountResponse(account=self._shown(account))

    async def ListAccounts(self, request: pb.ListAccountsRequest, _context: Context) -> pb.ListAccountsResponse:
        """Shows a page of accounts."""
        page = self._pages.open(request)
        after = page.after[0] if page.after else ""
        found = await self._database.read(lambda session: store.page(session, after=after, limit=page.size + 1))
        shown = found[: page.size]
        more = len(found) > page.size
        return pb.ListAccountsResponse(
            accounts=[self._shown(account) for account in shown],
            next_page_token=self._pages.token(page, shown[-1].account_id) if more else "",
        )

    async def ChangeNickname(self, request: pb.ChangeNicknameRequest, _context: Context) -> pb.ChangeNicknameResponse:
        """Renames an account."""

        def command(unit: Unit) -> pb.ChangeNicknameResponse:
            account = domain.rename(store.get(unit.session, request.account_id), request.nickname, at=unit.now)
            store.save(unit.session, account)
            return pb.ChangeNicknameResponse(account=_told(unit, account, "renamed"))

        return await self._database.write(command)

    async def WatchAccounts(
        self, request: pb.WatchAccountsRequest, _context: Context
    ) -> AsyncIterator[pb.WatchAccountsResponse]:
        """Streams accounts as they change."""
        async for item in Feed(self._database).runs(request.from_revision, request.epoch):
            if isinstance(item, FeedCheckpoint):
                yield pb.WatchAccountsResponse(checkpoint=item)
                continue
            changes = [_change(entry) for entry in item]
            if request.changes_together:
                yield pb.WatchAccountsResponse(changes=pb.AccountChanges(changes=changes))
                continue
            for change in changes:
                yield pb.WatchAccountsResponse(change=change)

    def _shown(self, account: Account) -> pb.Account:
        return account_message(account, at=self._database.clock.now())


def _change(entry: FeedEntry) -> pb.AccountChange:
    account = pb.Account.FromString(entry.payload)
    return pb.AccountChange(revision=entry.revision, traceparent=entry.traceparent, account=account)


def _told(unit: Unit, account: Account, done: str) -> pb.Account:
    message = account_message(account, at=unit.now)
    unit.change(account.account_id, message)
    unit.audit(
        f"identity.account.{done}", subject=Subject(account_id=account.account_id), resource_id=account.account_id
    )
    return message
