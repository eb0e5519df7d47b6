"""Runs the groups service as a process of its own: `python -m services.groups --config FILE`."""

from chassis.run import main
from services.groups.config import GroupsConfig
from services.groups.wiring import build

if __name__ == "__main__":
    main("groups", GroupsConfig, build)
