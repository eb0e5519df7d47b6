"""The declared telemetry: `docs/telemetry.yaml`."""

from pathlib import Path
from typing import Any

import yaml

DECLARED: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "telemetry.yaml").read_text("utf-8")
)
