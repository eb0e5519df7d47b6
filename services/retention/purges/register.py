"""What the register says of a purge, written in the transaction of the step."""

from collections.abc import Sequence
from datetime import timedelta

from chassis.db import Unit
from chassis.ids import new_id
from chassis.instants import timestamp
from ombud.retention.v1 import lifecycle_service_pb2 as pb
from services.retention.lifecycle.domain import ClassName, Terms
from services.retention.lifecycle.wire import class_number
from services.retention.purges.domain import EventKind, Purge
from services.retention.register import store as register


def registered(
    unit: Unit, purge: Purge, kind: EventKind, *, terms: Terms, leaf_indexes: Sequence[int], backups: timedelta
) -> None:
    """Writes an event to the register and to the audit trail."""
    certificate = pb.PurgeCertificate(
        purge_id=purge.purge_id,
        name=class_number(purge.name),
        day=purge.day.isoformat(),
        floor_days=terms.floor_days,
        ceiling_days=terms.ceiling_days,
        records=purge.records,
        leaf_indexes=leaf_indexes,
        kept_segments=purge.kept_segments,
        hold_ids=purge.hold_ids,
        log_size=purge.log_size,
        log_root=purge.log_root.hex(),
        plan_time=timestamp(purge.plan_time),
    )
    if purge.keys_destroy_time is not None and purge.certify_time is not None:
        if purge.name is not ClassName.REGISTER:
            certificate.keys_destroy_time.FromDatetime(purge.keys_destroy_time)
            certificate.backups_end_time.FromDatetime(purge.keys_destroy_time + backups)
        certificate.certify_time.FromDatetime(purge.certify_time)
        certificate.bytes_freed = purge.bytes_freed
    event = pb.PurgeEvent(
        event_id=new_id(),
        kind=pb.PurgeEventKind.Value(f"PURGE_EVENT_KIND_{kind.name}"),
        time=timestamp(unit.now),
        certificate=certificate,
    )
    register.register(
        unit.session,
        register.Noun.PURGE,
        purge.purge_id,
        event_id=event.event_id,
        kind=event.kind,
        time=unit.now,
        statement=event.SerializeToString(deterministic=True),
    )
    unit.audit(
        f"retention.purge.{kind.name.lower()}",
        resource_id=purge.purge_id,
        facts={
            "event_id": event.event_id,
            "class": purge.name.value,
            "day": purge.day.isoformat(),
            "segments": purge.segments,
            "records": purge.records,
            "bytes_freed": purge.bytes_freed,
        },
    )
