"""Which pack is in force when, as a service knows it that does not publish packs itself."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from policies.pack import Pack

_log = logging.getLogger("ombud.policies")


@dataclass(frozen=True)
class Scheduled:
    """A pack, and from when it is in force."""

    effective_at: datetime
    pack: Pack


class Schedule:
    """The packs that were published, as far as this service has heard.

    What it heard last is kept in a file, so that a start while nobody can be asked goes on with it.

    Args:
        founding: The pack that holds until a publication is heard of.
        kept: The file.
    """

    def __init__(self, founding: Pack, kept: Path) -> None:
        self._founding = founding
        self._kept = kept
        self._known = _read(kept)

    @property
    def known(self) -> Sequence[Scheduled]:
        """What was heard of, in the order of coming into force."""
        return self._known

    def at(self, instant: datetime) -> Pack:
        """The pack in force at an instant."""
        found = (each.pack for each in reversed(self._known) if each.effective_at <= instant)
        return next(found, self._founding)

    def take(self, known: Sequence[Scheduled]) -> None:
        """Replaces what is known, in the file first."""
        ordered = sorted(known, key=lambda each: each.effective_at)
        if ordered == self._known:
            return
        content = [
            {"effective_at": each.effective_at.isoformat(), "pack": each.pack.model_dump(mode="json")}
            for each in ordered
        ]
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._kept.with_suffix(".part")
        scratch.write_text(json.dumps(content), encoding="utf-8")
        scratch.replace(self._kept)
        self._known = ordered


def _read(kept: Path) -> list[Scheduled]:
    try:
        content = json.loads(kept.read_text(encoding="utf-8"))
        return [
            Scheduled(datetime.fromisoformat(each["effective_at"]), Pack.model_validate_json(json.dumps(each["pack"])))
            for each in content
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        # It only repeats what is asked for next.
        _log.warning("%s can not be read; the published packs are asked for anew", kept.name)
        return []
