"""`ombud up`: the embedded suite in the foreground."""

import json
import logging
import sys
from pathlib import Path

from chassis.clock import SystemClock
from chassis.config import ConfigError
from chassis.run import Running, stop_signal
from chassis.run import run as run_loop
from ombudctl.embedded import CUSTODIANS, embedded


def run(data_dir: Path, *, port: int, health_port: int, policy_file: Path, as_json: bool) -> int:
    """Serves until SIGINT or SIGTERM, then drains.

    Args:
        data_dir: Folder of the suite; made if absent.
        port: Port on 127.0.0.1; 0 for any.
        health_port: Port on 127.0.0.1 for health; 0 for any.
        policy_file: The policy pack.
        as_json: Print one JSON object when the suite serves, instead of a sentence.

    Returns:
        Exit code: 0 after a drain, 1 if the suite could not start.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    try:
        run_loop(_serve(data_dir, port, health_port, policy_file, as_json=as_json))
    except ConfigError as error:
        sys.stderr.write(f"ombud up: {error}\n")
        return 1
    return 0


async def _serve(data_dir: Path, port: int, health_port: int, policy_file: Path, *, as_json: bool) -> None:
    stop = stop_signal()
    async with embedded(
        data_dir, port=port, health_port=health_port, policy_file=policy_file, clock=SystemClock()
    ) as running:
        sys.stdout.write(_announcement(running, data_dir, as_json=as_json))
        sys.stdout.flush()
        await stop.wait()
        if not as_json:
            sys.stdout.write("draining\n")


def _announcement(running: Running, data_dir: Path, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"port": running.port, "health_port": running.health_port, "data": str(data_dir)}) + "\n"
    return (
        f"Ombud serves on 127.0.0.1:{running.port} (health on {running.health_port}), data in {data_dir}\n"
        f"The keys of closed days are with three custodians for development, in {data_dir / CUSTODIANS}\n"
        f"A token for a first call: ombud token --workload platform --data {data_dir}\n"
        "Ctrl-C drains and stops.\n"
    )
