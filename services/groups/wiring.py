"""Puts the groups service together."""

from datetime import timedelta

from chassis.db import Database
from chassis.keys import KeyFiles
from chassis.pages import Pages
from chassis.service import Platform, Service
from ombud.groups.v1.decision_service_pb2_grpc import add_DecisionServiceServicer_to_server
from ombud.groups.v1.figures_service_pb2_grpc import add_FiguresServiceServicer_to_server
from ombud.groups.v1.group_service_pb2_grpc import add_GroupServiceServicer_to_server
from ombud.groups.v1.stewardship_service_pb2_grpc import add_StewardshipServiceServicer_to_server
from ombud.groups.v1.tipoff_service_pb2_grpc import add_TipOffServiceServicer_to_server
from policies.following import Following
from policies.loader import load
from policies.schedule import Schedule
from services.groups.config import GroupsConfig
from services.groups.decisions.memory import DecisionMemory
from services.groups.decisions.servicer import DecisionServicer
from services.groups.figures.servicer import FiguresServicer
from services.groups.gauges import gauges_of
from services.groups.groups.servicer import GroupServicer
from services.groups.keys import GroupsKeys
from services.groups.projections import following
from services.groups.stewardship.servicer import StewardshipServicer
from services.groups.tipoffs.domain import Intake
from services.groups.tipoffs.sealing import Sealing
from services.groups.tipoffs.servicer import TipOffServicer
from services.groups.tipoffs.tracking import Tracking


def build(config: GroupsConfig, platform: Platform) -> Service:
    """The groups service.

    Raises:
        PackError: The policy pack is broken.
        ConfigError: The key file can not be used.
    """
    schedule = Schedule(load(config.policy_file), config.data_dir / "policies.json")
    key_files = KeyFiles(config.data_dir / "keys")
    keys = GroupsKeys(key_files.secret("groups.key"))
    database = Database(config.database_url, service="groups", clock=platform.clock, migrations="services.groups")
    memory = DecisionMemory(database)
    pages = Pages(keys.derive("page-tokens"))
    bounds = config.tip_off_intake
    intake = Intake(timedelta(minutes=bounds.minutes), bounds.about_one_target, bounds.in_all)
    tip_offs = TipOffServicer(database, pages, schedule, Tracking(keys), Sealing(keys), intake=intake)
    return Service(
        name="groups",
        database=database,
        key_ids=key_files.ids,
        servicers=[
            (add_GroupServiceServicer_to_server, GroupServicer(database, memory, pages, schedule)),
            (add_StewardshipServiceServicer_to_server, StewardshipServicer(database, pages, schedule)),
            (add_TipOffServiceServicer_to_server, tip_offs),
            (add_DecisionServiceServicer_to_server, DecisionServicer(memory, platform.clock)),
            (add_FiguresServiceServicer_to_server, FiguresServicer(database)),
        ],
        starting=[memory.load],
        gauges=gauges_of(database),
        tasks=[memory.run, Following(schedule, platform.peers).run],
        jobs=[
            following.accounts(database, platform.peers, platform.telemetry).run,
            following.standings(database, platform.peers, platform.telemetry).run,
        ],
    )
