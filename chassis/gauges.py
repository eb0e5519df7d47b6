"""What is measured of every service, and of the certificate of its process."""

from functools import partial

from cryptography import x509
from sqlmodel import Session

from chassis.config import TlsFiles
from chassis.db import Database
from chassis.db.tables import LeaseRecord
from chassis.delivery import undelivered
from chassis.metrics import Declared, Observed
from chassis.service import Service
from chassis.witness import told_time

_BY_SERVICE = ("ombud.service",)
_WAITING = Declared("ombud.writer.waiting", "{command}", _BY_SERVICE)
_UNDELIVERED = Declared("ombud.audit.undelivered", "{record}", _BY_SERVICE)
_HEAD = Declared("ombud.feed.head", "{revision}", _BY_SERVICE)
_LED_UNTIL = Declared("ombud.jobs.led_until", "s", _BY_SERVICE)
_AHEAD = Declared("ombud.clock.ahead", "s", _BY_SERVICE)
_EXPIRY = Declared("ombud.certificate.expiry", "s")


def of_service(service: Service) -> list[Observed]:
    """The gauges of a service."""
    database, labels = service.database, (service.name,)
    return [
        Observed(_WAITING, labels, partial(_waiting, database)),
        Observed(_UNDELIVERED, labels, partial(database.read, undelivered)),
        Observed(_HEAD, labels, partial(_head, database)),
        Observed(_LED_UNTIL, labels, partial(database.read, _led_until)),
        Observed(_AHEAD, labels, partial(_ahead, database)),
        *service.gauges,
    ]


def of_certificate(files: TlsFiles) -> Observed:
    """Until when the certificate in the file is good."""
    return Observed(_EXPIRY, (), partial(_expiry, files))


async def _waiting(database: Database) -> float:
    return database.waiting


async def _head(database: Database) -> float:
    return (await database.head()).revision


def _led_until(session: Session) -> float:
    lease = session.get(LeaseRecord, "jobs")
    return lease.until.timestamp() if lease else 0.0


async def _ahead(database: Database) -> float:
    told = await database.read(told_time)
    return (database.clock.now() - told).total_seconds() if told else 0.0


async def _expiry(files: TlsFiles) -> float:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).not_valid_after_utc.timestamp()
