"""How the credit service is put together."""

from chassis.db import Database
from chassis.keys import KeyFiles, load_or_create
from chassis.pages import Pages
from chassis.redacted import Redacted
from chassis.service import Platform, Service
from ombud.credit.v1.appeal_service_pb2_grpc import add_AppealServiceServicer_to_server
from ombud.credit.v1.blacklist_service_pb2_grpc import add_BlacklistServiceServicer_to_server
from ombud.credit.v1.notice_service_pb2_grpc import add_NoticeServiceServicer_to_server
from ombud.credit.v1.policy_service_pb2_grpc import add_PolicyServiceServicer_to_server
from ombud.credit.v1.quality_service_pb2_grpc import add_QualityServiceServicer_to_server
from ombud.credit.v1.referral_service_pb2_grpc import add_ReferralServiceServicer_to_server
from ombud.credit.v1.sanction_service_pb2_grpc import add_SanctionServiceServicer_to_server
from ombud.credit.v1.standing_service_pb2_grpc import add_StandingServiceServicer_to_server
from ombud.credit.v1.transparency_service_pb2_grpc import add_TransparencyServiceServicer_to_server
from policies import fault, load
from services.credit.appeals import store as appeals
from services.credit.appeals.jobs import Assignment, tell_overdue
from services.credit.appeals.servicer import AppealServicer
from services.credit.blacklist.admission import admit_more
from services.credit.blacklist.admitted import unfinished
from services.credit.blacklist.digests import SubjectDigests
from services.credit.blacklist.listings import Listings
from services.credit.blacklist.memory import BlacklistMemory
from services.credit.blacklist.servicer import BlacklistServicer
from services.credit.config import CreditConfig
from services.credit.gauges import gauges_of
from services.credit.groups_peer import GroupsPeer
from services.credit.listing import Listing
from services.credit.notices.jobs import LetterDelivery
from services.credit.notices.senders import FileOutbox, NoticeSender, Webhook
from services.credit.notices.servicer import NoticeServicer
from services.credit.notices.templates import Templates
from services.credit.policies.domain import PolicyConflictError
from services.credit.policies.jobs import Republication, take_up
from services.credit.policies.servicer import PolicyServicer
from services.credit.quality.sampling import Sampling
from services.credit.quality.servicer import QualityServicer
from services.credit.receipts import Receipts
from services.credit.referrals import store as referrals
from services.credit.referrals.jobs import destroy
from services.credit.referrals.servicer import ReferralServicer
from services.credit.retention_peer import RetentionPeer
from services.credit.sanctions import store as sanctions
from services.credit.sanctions.ends import end
from services.credit.sanctions.jobs import NoticeDelivery
from services.credit.sanctions.servicer import SanctionServicer
from services.credit.standings.servicer import StandingServicer
from services.credit.terms import Terms
from services.credit.transparency.servicer import TransparencyServicer

_KEY_BYTES = 32


def build(config: CreditConfig, platform: Platform) -> Service:
    """The credit service on its database and the policy in force.

    Raises:
        PackError: The policy file can not be used.
        ConfigError: A key file can not be used.
    """
    pack = load(config.policy_file)
    database = Database(config.database_url, service="credit", clock=platform.clock, migrations="services.credit")
    keys = KeyFiles(config.data_dir / "keys")
    listing = Listing(database, Pages(load_or_create(config.data_dir / "keys" / "credit-pages.key", _KEY_BYTES)))
    groups, retention = GroupsPeer(platform.peers), RetentionPeer(platform.peers)
    assignment = Assignment(database, groups)
    sampling = Sampling(keys.secret("credit-sampling.key"))
    transparency = TransparencyServicer(database, listing, groups, retention)
    receipts = Receipts(keys.secret("credit-receipts.key"))
    digests = SubjectDigests(keys.secret("credit-blacklist.key", config.blacklist_key_file))
    memory = BlacklistMemory(database, digests)
    blacklist = BlacklistServicer(database, listing, memory, Listings(config.instance, digests))
    sender = _sender(config)
    templates = Templates()
    notices = NoticeDelivery(database, sender, platform.telemetry, receipts=receipts, templates=templates)
    letters = LetterDelivery(database, sender, platform.telemetry, receipts=receipts, templates=templates)

    republication = Republication(database)

    async def take_up_pack() -> None:
        try:
            await take_up(database, pack)
        except PolicyConflictError as error:
            raise fault(config.policy_file, error.field, error.reason) from error

    return Service(
        name="credit",
        database=database,
        key_ids=keys.ids,
        servicers=[
            (add_StandingServiceServicer_to_server, StandingServicer(database, listing)),
            (add_SanctionServiceServicer_to_server, SanctionServicer(database, listing, groups, notices)),
            (
                add_AppealServiceServicer_to_server,
                AppealServicer(database, listing, groups, receipts=receipts, assignment=assignment, sampling=sampling),
            ),
            (add_NoticeServiceServicer_to_server, NoticeServicer(database)),
            (add_BlacklistServiceServicer_to_server, blacklist),
            (add_ReferralServiceServicer_to_server, ReferralServicer(database, listing)),
            (add_QualityServiceServicer_to_server, QualityServicer(database, groups)),
            (add_TransparencyServiceServicer_to_server, transparency),
            (
                add_PolicyServiceServicer_to_server,
                PolicyServicer(database, listing, republication, groups=groups, retention=retention),
            ),
        ],
        tasks=[memory.run],
        jobs=[
            notices.run,
            letters.run,
            assignment.run,
            republication.run,
            Terms(database, "end-sanction", due=sanctions.ended, act=end).run,
            Terms(database, "tell-overdue-appeal", due=appeals.overdue_untold, act=tell_overdue).run,
            Terms(database, "destroy-referral", due=referrals.due, act=destroy).run,
            Terms(database, "admit-exchange", due=unfinished, act=admit_more).run,
        ],
        starting=[take_up_pack, memory.load],
        gauges=gauges_of(database),
    )


def _sender(config: CreditConfig) -> NoticeSender:
    webhook = config.notice_webhook
    if webhook is None:
        return FileOutbox(config.data_dir / "outbox" / "notices.jsonl")
    return Webhook(webhook.url, Redacted(load_or_create(webhook.secret_file, _KEY_BYTES)))
