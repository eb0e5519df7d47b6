"""The retention service as a process: `python -m services.retention --config FILE`."""

from chassis.run import main
from services.retention.config import RetentionConfig
from services.retention.wiring import build

if __name__ == "__main__":
    main("retention", RetentionConfig, build)
