"""Runs the credit service in a process of its own."""

from chassis.run import main
from services.credit.config import CreditConfig
from services.credit.wiring import build

main("credit", CreditConfig, build)
