"""AccreditationService: messages to rules and back."""

from typing import Any

from grpc.aio import ServicerContext
from sqlmodel import Session

from chassis.call import current_call
from chassis.db import Database, Unit
from chassis.enums import number
from chassis.ids import new_id
from ombud.common.v1.types_pb2 import Subject
from ombud.identity.v1 import accreditation_service_pb2 as pb
from ombud.identity.v1.accreditation_service_pb2_grpc import AccreditationServiceServicer
from services.identity.accounts import store as accounts
from services.identity.accounts.domain import Account
from services.identity.accreditations import domain, store
from services.identity.accreditations.domain import Accreditation, AccreditationState
from services.identity.wire import timestamp

Context = ServicerContext[Any, Any]


class AccreditationServicer(AccreditationServiceServicer):
    """Takes applications, grants them, and tells anyone what a mark is worth."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ApplyForAccreditation(
        self, request: pb.ApplyForAccreditationRequest, _context: Context
    ) -> pb.ApplyForAccreditationResponse:
        """Applies under the present nickname, in place of an application under a former one."""

        def command(unit: Unit) -> pb.ApplyForAccreditationResponse:
            session = unit.session
            account = accounts.get(session, request.account_id)
            pending = store.find(session, account.account_id, AccreditationState.PENDING)
            granted = store.find(session, account.account_id, AccreditationState.GRANTED)
            applied = domain.apply(new_id(), account, pending=pending, granted=granted, at=unit.now)
            if pending:
                store.save(session, domain.supersede(pending))
            return pb.ApplyForAccreditationResponse(accreditation=_saved(unit, applied, "applied"))

        return await self._database.write(command)

    async def GrantAccreditation(
        self, request: pb.GrantAccreditationRequest, _context: Context
    ) -> pb.GrantAccreditationResponse:
        """Grants, in place of a mark under a former nickname."""
        registrar = current_call().person

        def command(unit: Unit) -> pb.GrantAccreditationResponse:
            session = unit.session
            applied = store.get(session, request.accreditation_id)
            account = accounts.get(session, applied.account_id)
            granted = domain.grant(applied, account, registrar_account_id=registrar.account_id, at=unit.now)
            former = store.find(session, account.account_id, AccreditationState.GRANTED)
            if former:
                store.save(session, domain.supersede(former))
            return pb.GrantAccreditationResponse(accreditation=_saved(unit, granted, "granted"))

        return await self._database.write(command)

    async def CheckMark(self, request: pb.CheckMarkRequest, _context: Context) -> pb.CheckMarkResponse:
        """Tells what a mark is worth now."""

        def query(session: Session) -> tuple[Account | None, Accreditation | None]:
            account = accounts.find(session, request.account_id)
            return account, store.find(session, request.account_id, AccreditationState.GRANTED)

        account, granted = await self._database.read(query)
        state = domain.mark_of(granted, account, at=self._database.clock.now())
        return pb.CheckMarkResponse(
            state=number(pb.MarkState, state),
            nickname=granted.nickname if granted else "",
            grant_time=timestamp(granted.grant_time if granted else None),
        )


def _saved(unit: Unit, accreditation: Accreditation, done: str) -> pb.Accreditation:
    store.save(unit.session, accreditation)
    unit.audit(
        f"identity.accreditation.{done}",
        subject=Subject(account_id=accreditation.account_id),
        resource_id=accreditation.accreditation_id,
    )
    return pb.Accreditation(
        accreditation_id=accreditation.accreditation_id,
        account_id=accreditation.account_id,
        nickname=accreditation.nickname,
        state=number(pb.AccreditationState, accreditation.state),
        apply_time=timestamp(accreditation.apply_time),
        grant_time=timestamp(accreditation.grant_time),
    )
