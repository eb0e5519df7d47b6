"""How the retention service is put together."""

import asyncio
import contextlib
from datetime import timedelta

from chassis.config import ConfigError
from chassis.db import Database
from chassis.keys import load_or_create
from chassis.pages import Pages
from chassis.service import Platform, Service
from ombud.retention.v1.access_service_pb2_grpc import add_AccessServiceServicer_to_server
from ombud.retention.v1.audit_service_pb2_grpc import add_AuditServiceServicer_to_server
from ombud.retention.v1.custody_service_pb2_grpc import add_CustodyServiceServicer_to_server
from ombud.retention.v1.figures_service_pb2_grpc import add_FiguresServiceServicer_to_server
from ombud.retention.v1.hold_service_pb2_grpc import add_HoldServiceServicer_to_server
from ombud.retention.v1.ingest_service_pb2_grpc import add_IngestServiceServicer_to_server
from ombud.retention.v1.lifecycle_service_pb2_grpc import add_LifecycleServiceServicer_to_server
from ombud.retention.v1.log_service_pb2_grpc import add_LogServiceServicer_to_server
from ombud.verify import WitnessKey
from policies import load
from policies.following import Following
from policies.schedule import Schedule
from services.retention.access.jobs import Expiry
from services.retention.access.servicer import AccessServicer
from services.retention.audit.jobs import AuditSource
from services.retention.audit.servicer import AuditServicer
from services.retention.checks.scrub import Scrub
from services.retention.config import RetentionConfig
from services.retention.custody.jobs import AccessEnds, Closing
from services.retention.custody.requests import Requests
from services.retention.custody.roster import Roster
from services.retention.custody.servicer import CustodyServicer
from services.retention.errors import DamagedError, ForkedError
from services.retention.figures.servicer import FiguresServicer
from services.retention.files import FolderLock, SpaceFloor
from services.retention.gauges import gauges_of
from services.retention.holds.jobs import HoldKeys
from services.retention.holds.servicer import HoldServicer
from services.retention.ingest.backlog import Backlog
from services.retention.ingest.jobs import ChatSource, SealedBatches
from services.retention.ingest.journal import Journal
from services.retention.ingest.servicer import IngestServicer
from services.retention.keys.keys import Keys
from services.retention.keys.store import KeyStore
from services.retention.lifecycle.jobs import Adoption
from services.retention.lifecycle.servicer import LifecycleServicer
from services.retention.log.jobs import Sealer
from services.retention.log.leaves import RecordClass
from services.retention.log.ledger import Ledger
from services.retention.log.servicer import LogServicer
from services.retention.log.witness import Witness, Witnesses
from services.retention.memberships.trail import Memberships
from services.retention.purges.jobs import Purging
from services.retention.register.jobs import EventSource
from services.retention.segments import store as catalogue
from services.retention.segments.archive import Archive
from services.retention.segments.sealing import SealingProcess
from services.retention.segments.storage import storage_of
from services.retention.ticks import Ticks

_PAGE_KEY_BYTES = 32


def build(config: RetentionConfig, platform: Platform) -> Service:
    """The retention service on its database, its folder and the policy in force.

    Raises:
        PackError: The policy file can not be used.
        ConfigError: A key file can not be used.
    """
    schedule = Schedule(load(config.policy_file), config.data_dir / "policies.json")
    folder = config.data_dir
    database = Database(config.database_url, service="retention", clock=platform.clock, migrations="services.retention")
    space = SpaceFloor(folder, config.floor_bytes)
    pages = Pages(load_or_create(folder / "keys" / "pages.key", _PAGE_KEY_BYTES))
    storage = storage_of(folder, config.segments, platform.clock)
    key_store = KeyStore(folder / "keys" / "days")
    keys = Keys(key_store, config.custodian_slots)

    def floor(record_class: RecordClass) -> timedelta:
        classes = schedule.at(platform.clock.now()).retention.classes
        return timedelta(days=classes[record_class.name.lower()].floor_days)

    archive = Archive(storage, floor, keys)
    ledger = Ledger(database, folder, config.log_origin, _witnesses(config))
    sealed_batches = SealedBatches(database, archive)
    lock = FolderLock.of(folder)
    backlog = Backlog(
        most_records=config.backlog_records,
        most_seconds=config.backlog_seconds,
        part_records=config.segment_records,
    )
    journal = Journal(
        folder / "wal",
        clock=platform.clock,
        keys=keys,
        space=space,
        part_records=config.segment_records,
        backlog=backlog,
        find_sealed=sealed_batches,
    )
    process = SealingProcess(folder / "keys" / "days")
    sources = (
        ChatSource(database, journal, archive, process),
        AuditSource(database, archive, keys),
        EventSource(database),
    )
    sealer = Sealer(ledger, sources, due=backlog.due, interval=config.seal_seconds)

    roster = Roster(database, keys, config.first_custodians)
    requests = Requests(keys, key_store)
    closing = Closing(
        database,
        platform.clock,
        keys=keys,
        key_store=key_store,
        journal=journal,
        archive=archive,
        process=process,
        grace=timedelta(seconds=config.grace_seconds),
    )
    memberships = Memberships(database, archive)
    purging = Purging(
        database,
        archive,
        storage,
        ledger,
        keys=keys,
        key_store=key_store,
        memberships=memberships,
        clock=platform.clock,
        backups=timedelta(days=config.key_backup_days),
    )
    scrub = Scrub(database, storage, share=config.tick_seconds / timedelta(days=config.scrub_days).total_seconds())
    adoption = Adoption(database, schedule)
    ticks = Ticks(
        [
            adoption.run,
            # Before a day closes: what a hold covers is taken over while the day's keys are at hand.
            HoldKeys(database, keys=keys, key_store=key_store, clock=platform.clock).tick,
            closing.tick,
            AccessEnds(database, platform.clock, keys).tick,
            Expiry(database, platform.clock).tick,
            purging.tick,
            scrub.tick,
        ],
        seconds=config.tick_seconds,
    )

    ingest = IngestServicer(journal, backlog, ledger, clock=platform.clock, meter=platform.telemetry.meter)

    async def stop() -> None:
        await asyncio.to_thread(process.end)
        lock.release()

    async def recover() -> None:
        await asyncio.to_thread(storage.check)
        try:
            lock.take()
        except BlockingIOError as error:
            raise ConfigError("retention: another process serves from this data folder") from error
        with contextlib.ExitStack() as failing:
            failing.callback(lock.release)
            try:
                await ledger.open()
                sealed_batches.open()
                journal.open(await database.read(catalogue.sealed_state))
                closing.recover()
                await roster.open()
            except (DamagedError, ForkedError) as error:
                raise ConfigError(f"retention: {error}") from error
            failing.pop_all()

    return Service(
        name="retention",
        database=database,
        servicers=[
            (add_IngestServiceServicer_to_server, ingest),
            (add_LogServiceServicer_to_server, LogServicer(database, ledger, archive, journal)),
            (
                add_HoldServiceServicer_to_server,
                HoldServicer(database, ledger, pages=pages, clock=platform.clock),
            ),
            (add_LifecycleServiceServicer_to_server, LifecycleServicer(database, ledger, pages)),
            (
                add_CustodyServiceServicer_to_server,
                CustodyServicer(
                    database,
                    platform.clock,
                    keys=keys,
                    key_store=key_store,
                    memberships=memberships,
                    roster=roster,
                    requests=requests,
                    pages=pages,
                ),
            ),
            (add_FiguresServiceServicer_to_server, FiguresServicer(database)),
            (add_AuditServiceServicer_to_server, AuditServicer(database, archive, ledger, space, pages)),
            (
                add_AccessServiceServicer_to_server,
                AccessServicer(
                    database,
                    archive,
                    ledger,
                    memberships=memberships,
                    sealer=sealer,
                    schedule=schedule,
                    pages=pages,
                    clock=platform.clock,
                ),
            ),
        ],
        tasks=[sealer.run, ticks.run, Following(schedule, platform.peers).run],
        starting=[adoption.run, recover],
        draining=[ingest.drain],
        stopping=[journal.close, stop],
        gauges=gauges_of(database, backlog),
        healthy=lambda: journal.healthy,
    )


def _witnesses(config: RetentionConfig) -> Witnesses:
    seconds = config.witness_seconds
    return Witnesses([Witness(each.url, WitnessKey.parse(each.vkey), seconds=seconds) for each in config.witnesses])
