"""Packs by name or file."""

from pathlib import Path

import policies
from ombudctl.output import CommandError
from policies import Pack, PackError, load

_SHIPPED = Path(policies.__file__).parent


def pack_at(name: str) -> Pack:
    """The pack that comes with Ombud under a name, or the one in a file.

    Raises:
        CommandError: There is none, or it has faults: each is told with file, line, field and reason.
    """
    path = _SHIPPED / f"{name}.yaml"
    if not path.exists():
        path = Path(name)
    try:
        return load(path)
    except PackError as error:
        known = ", ".join(sorted(each.stem for each in _SHIPPED.glob("*.yaml")))
        raise CommandError(str(error), f"A pack is a YAML file, or one of {known}.") from error
