"""The OpenTelemetry Collector is asked where a machine has it; everywhere else a receiver of our own stands in."""

import shutil

collect_ignore = [] if shutil.which("otelcol-contrib") else ["test_collector.py"]
