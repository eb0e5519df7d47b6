"""The identity service as a process of its own."""

from chassis.run import main
from services.identity.config import IdentityConfig
from services.identity.wiring import build

main("identity", IdentityConfig, build)
