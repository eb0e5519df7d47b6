"""The declared telemetry: `docs/telemetry.yaml`."""

from pathlib import Path
from typing import Any

import yaml

DECLARED: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "telemetry.yaml").read_text("utf-8")
)


def _in_prometheus(name: str, metric: dict[str, Any]) -> set[str]:
    """What the collector calls a metric towards Prometheus: its unit and its kind are part of the name."""
    plain = name.replace(".", "_") + ("_seconds" if metric["unit"] == "s" else "")
    if metric["type"] == "histogram":
        return {f"{plain}_{part}" for part in ("bucket", "count", "sum")}
    return {f"{plain}_total" if metric["type"] == "counter" else plain}


# The declared metric that each name in Prometheus stands for.
IN_PROMETHEUS = {alias: name for name, metric in DECLARED["metrics"].items() for alias in _in_prometheus(name, metric)}
