"""`ombud serve` and `ombud migrate`: one service as a process of its own."""

import logging
import sys
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from chassis.config import ConfigError, load
from chassis.db import epoch, migrate
from chassis.process import ProcessConfig, serve
from chassis.run import run as run_loop
from ombudctl.loading import loading
from ombudctl.output import print_json
from ombudctl.services import parts_of

_WRONG_SETTINGS = 2


def run(service: str, settings: Path) -> int:
    """Serves until SIGTERM or SIGINT.

    Args:
        service: Its name.
        settings: A YAML file with the parts `server` and `service`, or a folder of such files.

    Returns:
        Exit code: 0 after a drain, 1 if the database does not answer, 2 if the settings can not be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    with loading():
        config_type, build = parts_of(service)
    try:
        config = load(ProcessConfig[config_type], settings)  # type: ignore[valid-type]  # the service's own
        run_loop(serve(config, f"services.{service}", build))
    except ConfigError as error:
        return _refused(error)
    except SQLAlchemyError as error:
        return _unanswered(error)
    return 0


def upgrade(service: str, settings: Path, *, restored: bool, as_json: bool) -> int:
    """Brings the schema of the service's database to the newest revision.

    Args:
        service: Its name.
        settings: As `run`.
        restored: Whether the database comes from a backup, so that its feed begins a new epoch.
        as_json: Whether to print JSON.

    Returns:
        Exit code, as `run`.
    """
    config_type, _ = parts_of(service)
    try:
        config: ProcessConfig[Any] = load(ProcessConfig[config_type], settings)  # type: ignore[valid-type]  # as above
        before = migrate.upgrade(config.service.database_url, f"services.{service}")
        if restored:
            epoch.renew(config.service.database_url)
    except ConfigError as error:
        return _refused(error)
    except SQLAlchemyError as error:
        return _unanswered(error)
    now = before.newest if before.behind else before.current
    if as_json:
        print_json({"service": service, "before": before.current, "now": now, "restored": restored})
    else:
        done = f"brought from {before.current or 'nothing'} to {now}" if before.behind else f"is at {now} already"
        sys.stdout.write(f"The schema of {service} {done}.\n")
        if restored:
            sys.stdout.write("Its change feed begins a new epoch: whoever followed it starts over.\n")
    return 0


def _refused(error: ConfigError) -> int:
    sys.stderr.write(f"{error}\n")
    return _WRONG_SETTINGS


def _unanswered(error: SQLAlchemyError) -> int:
    # The driver's own words may hold the URL.
    sys.stderr.write(f"service.database_url: the database does not answer as it should: {type(error).__name__}\n")
    return 1
