"""Whether a database goes on from where its service stopped. One that was restored has to say so by a new epoch.

Nothing in a database tells that it is a copy from before. The log does: it has had the service's audit records in their
order, and knows the last one.
"""

import logging

from sqlmodel import Session, select

from chassis.config import ConfigError
from chassis.db import Database
from chassis.db.tables import AuditEntry, FeedHead
from chassis.peers import Peers
from ombud.client import OmbudError
from ombud.retention.v1.audit_service_pb2 import GetAuditPositionRequest, GetAuditPositionResponse
from ombud.retention.v1.audit_service_pb2_grpc import AuditServiceStub

_LOG = "retention"
_TIMEOUT = 2.0

_log = logging.getLogger("ombud.continuity")


async def confirm(database: Database, peers: Peers) -> None:
    """Returns if the database has what its service handed over to the log, or the log does not say.

    A service must be able to start while the log is away. What it hands over later is refused by the log, if it takes
    the place of what was handed over before. The log's own database is compared with its checkpoint instead.

    Raises:
        ConfigError: The database went back, and its feed has the epoch from before.
    """
    if database.service == _LOG or not peers.knows(_LOG):
        return
    request = GetAuditPositionRequest(epoch=(await database.head()).epoch)
    try:
        handed_over = await AuditServiceStub(peers.channel(_LOG)).GetAuditPosition(request, timeout=_TIMEOUT)
    except OmbudError as error:
        reason = error.reason or error.code().name
        _log.warning("%s: the log does not tell whether the database went back: %s", database.service, reason)
        return
    # Only now: other processes of the service write and hand over all the time.
    if not await database.read(lambda session: _holds(session, handed_over)):
        raise ConfigError(
            f"service.database_url: the database of {database.service} was restored from an older state: the log has "
            f"audit record {handed_over.sequence} of it, and the database has not; run "
            f"`ombud migrate {database.service} --restored` with the same settings, and see docs/runbooks/restore.md"
        )


def _holds(session: Session, position: GetAuditPositionResponse) -> bool:
    if session.exec(select(FeedHead.audit_sequence)).one() < position.sequence:
        return False
    entry = session.get(AuditEntry, position.sequence)
    return entry is None or entry.audit_id == position.audit_id
