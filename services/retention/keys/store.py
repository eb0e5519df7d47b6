"""The key store: a folder of its own, apart from database and segments, so that its backups can end sooner.

    <day>.<class>.secret        the parts of an open day's secret, one after the other
    <day>.<class>.custody       a closed day: the custodians' shares, each in an envelope for its custodian
    holds/<hold>/<day>.<group>  the shares of one scope's key, which a hold keeps beyond the day's own

A destroyed file is overwritten before its name goes. What the disk below keeps of it, and backups, are the operator's.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from services.retention.errors import DamagedError
from services.retention.files import sync_folder, write_durably
from services.retention.keys.domain import KEY_BYTES, Scope, wipe
from services.retention.log.leaves import RecordClass

_GROUP = "?" * 32


@dataclass(frozen=True, slots=True)
class Share:
    """A custodian's part in a secret.

    Attributes:
        key_id: Of the public key that the envelopes are for.
        envelopes: One; or two, of two custodians who passed their knowledge on to a successor.
    """

    key_id: bytes
    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Custody:
    """A secret that is in custody: its id, how many slots it was made for, and the share of each slot that has one."""

    key_id: bytes
    slots: int
    shares: Mapping[int, Share]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in custody: a day's secret, or with a hold the key of one scope on a day."""

    day: date
    custody: Custody
    scope: Scope | None = None
    hold_id: str | None = None


class KeyStore:
    """Keeps secrets and shares as files of mode 0600.

    Args:
        folder: The folder; made if absent.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, record_class: RecordClass, day: date, slots: int) -> list[bytearray]:
        """Makes the secret of a day, of a part for each slot; returns the parts."""
        secret = bytearray(slots * KEY_BYTES)
        # Read into place: what os.urandom returns could not be wiped.
        with Path("/dev/urandom").open("rb", buffering=0) as source:
            source.readinto(secret)
        write_durably(self._secret(record_class, day), secret)
        return _parts(secret)

    def parts(self, record_class: RecordClass, day: date) -> list[bytearray] | None:
        """The parts of an open day's secret; wipe them after use. None if the day is not open."""
        if self._custody(record_class, day).exists():
            # What is still there of its secret may be overwritten in part.
            return None
        path = self._secret(record_class, day)
        try:
            with path.open("rb", buffering=0) as file:
                secret = bytearray(os.fstat(file.fileno()).st_size)
                file.readinto(secret)
        except FileNotFoundError:
            return None
        if not secret or len(secret) % KEY_BYTES:
            raise DamagedError(f"{path.name}: not a day's secret")
        return _parts(secret)

    def days(self, record_class: RecordClass, *, open_: bool) -> list[date]:
        """The open days, or those in custody, oldest first."""
        suffix = f".{_name(record_class)}.{'secret' if open_ else 'custody'}"
        found = (path.name.removesuffix(suffix) for path in self._folder.glob(f"*{suffix}"))
        return sorted(date.fromisoformat(name) for name in found)

    def custody(self, record_class: RecordClass, day: date) -> Custody | None:
        """A closed day's shares; None if it is not closed."""
        return _read(self._custody(record_class, day))

    def file_of(self, record_class: RecordClass, day: date) -> str:
        """The name of the file that a day's secret or, once it is closed, its shares are in."""
        closed = self._custody(record_class, day)
        return (closed if closed.exists() else self._secret(record_class, day)).name

    def put_custody(self, record_class: RecordClass, day: date, custody: Custody) -> None:
        """Keeps a closed day's shares; its secret, if it is still there, is wiped once they are durable."""
        _write(self._custody(record_class, day), custody)
        self.wipe_secret(record_class, day)

    def wipe_secret(self, record_class: RecordClass, day: date) -> None:
        """Wipes the secret of a day, if it is still there."""
        _erase(self._secret(record_class, day))

    def hold(self, hold_id: str, day: date, scope: Scope) -> Custody | None:
        """The shares of one scope that a hold keeps."""
        return _read(self._hold(hold_id, day, scope))

    def put_hold(self, hold_id: str, day: date, scope: Scope, custody: Custody) -> None:
        """Keeps the shares of one scope for a hold."""
        _write(self._hold(hold_id, day, scope), custody)

    def holds(self, day: date, scope: Scope) -> list[str]:
        """The holds that keep a scope's shares."""
        return sorted(path.parent.name for path in (self._folder / "holds").glob(f"*/{_file(day, scope)}"))

    def hold_ids(self) -> set[str]:
        """The holds that keep anything."""
        return {path.name for path in (self._folder / "holds").glob("*")}

    def held_days(self, scope: Scope) -> set[date]:
        """The days on which holds keep a scope's shares."""
        found = (self._folder / "holds").glob(f"*/*.{_name(scope.record_class)}.{scope.group.hex()}")
        return {date.fromisoformat(path.name.partition(".")[0]) for path in found}

    def chat_entries(self) -> list[Entry]:
        """All that is in custody, the oldest day first, each day before what holds keep of it."""
        days = ((day, self.custody(RecordClass.CHAT, day)) for day in self.days(RecordClass.CHAT, open_=False))
        found = [Entry(day, custody) for day, custody in days if custody is not None]
        for path in sorted((self._folder / "holds").glob(f"*/*.{_name(RecordClass.CHAT)}.{_GROUP}")):
            day_text, _, group = path.name.split(".")
            if (custody := _read(path)) is not None:
                scope = Scope(RecordClass.CHAT, bytes.fromhex(group))
                found.append(Entry(date.fromisoformat(day_text), custody, scope, path.parent.name))
        return sorted(found, key=lambda entry: (entry.day, entry.hold_id or ""))

    def put_share(self, entry: Entry, slot: int, share: Share) -> None:
        """Gives a slot another share of what is in custody."""
        custody = replace(entry.custody, shares={**entry.custody.shares, slot: share})
        if entry.scope is None or entry.hold_id is None:
            self.put_custody(RecordClass.CHAT, entry.day, custody)
        else:
            self.put_hold(entry.hold_id, entry.day, entry.scope, custody)

    def destroy_day(self, record_class: RecordClass, day: date) -> None:
        """Destroys a day's secret and shares; what holds keep stays."""
        self.wipe_secret(record_class, day)
        _erase(self._custody(record_class, day))

    def destroy_held(self, entry: Entry) -> None:
        """Destroys what a hold keeps of one scope."""
        if entry.scope is not None and entry.hold_id is not None:
            _erase(self._hold(entry.hold_id, entry.day, entry.scope))

    def destroy_hold(self, hold_id: str) -> None:
        """Destroys all that a hold keeps."""
        folder = self._folder / "holds" / hold_id
        if folder.is_dir():
            for path in folder.iterdir():
                _erase(path)
            folder.rmdir()
            sync_folder(folder.parent)

    def _secret(self, record_class: RecordClass, day: date) -> Path:
        return self._folder / f"{day.isoformat()}.{_name(record_class)}.secret"

    def _custody(self, record_class: RecordClass, day: date) -> Path:
        return self._folder / f"{day.isoformat()}.{_name(record_class)}.custody"

    def _hold(self, hold_id: str, day: date, scope: Scope) -> Path:
        return self._folder / "holds" / hold_id / _file(day, scope)


def _parts(secret: bytearray) -> list[bytearray]:
    parts = [secret[at : at + KEY_BYTES] for at in range(0, len(secret), KEY_BYTES)]
    wipe(secret)
    return parts


def _name(record_class: RecordClass) -> str:
    return record_class.name.lower()


def _file(day: date, scope: Scope) -> str:
    return f"{day.isoformat()}.{_name(scope.record_class)}.{scope.group.hex()}"


def _write(path: Path, custody: Custody) -> None:
    shares = {
        str(slot): {"key_id": share.key_id.hex(), "envelopes": [_base64(each) for each in share.envelopes]}
        for slot, share in custody.shares.items()
    }
    form = {"key_id": custody.key_id.hex(), "slots": custody.slots, "shares": shares}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(path, json.dumps(form).encode())


def _read(path: Path) -> Custody | None:
    try:
        form = json.loads(path.read_bytes())
        shares = {
            int(slot): Share(bytes.fromhex(each["key_id"]), tuple(map(base64.b64decode, each["envelopes"])))
            for slot, each in form["shares"].items()
        }
        return Custody(bytes.fromhex(form["key_id"]), form["slots"], shares)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path.name}: not the shares of a secret") from error


def _erase(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    try:
        os.write(descriptor, bytes(os.fstat(descriptor).st_size))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
