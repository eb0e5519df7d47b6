"""How the identity service is put together."""

from chassis.db import Database
from chassis.pages import Pages
from chassis.service import Platform, Service
from ombud.identity.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from ombud.identity.v1.accreditation_service_pb2_grpc import add_AccreditationServiceServicer_to_server
from ombud.identity.v1.agreement_service_pb2_grpc import add_AgreementServiceServicer_to_server
from ombud.identity.v1.verification_service_pb2_grpc import add_VerificationServiceServicer_to_server
from policies import load
from policies.following import Following
from policies.schedule import Schedule
from services.identity.accounts.servicer import AccountServicer
from services.identity.accreditations.servicer import AccreditationServicer
from services.identity.agreements.servicer import AgreementServicer
from services.identity.config import IdentityConfig
from services.identity.credit_peer import CreditPeer
from services.identity.vault.keys import LocalKeys, Purpose
from services.identity.vault.store import Vault
from services.identity.verifications.commands import VerificationCommands
from services.identity.verifications.jobs import Expiries
from services.identity.verifications.sender import FileOutbox
from services.identity.verifications.servicer import VerificationServicer


def build(config: IdentityConfig, platform: Platform) -> Service:
    """The identity service on its database, its keys and the policy in force.

    Raises:
        PackError: The policy file can not be used.
        ConfigError: The key file can not be used.
    """
    schedule = Schedule(load(config.policy_file), config.data_dir / "policies.json")
    database = Database(config.database_url, service="identity", clock=platform.clock, migrations="services.identity")
    keys = LocalKeys.from_file(config.key_file or config.data_dir / "keys" / "identity.key")
    vault = Vault(keys)
    pages = Pages(keys.mac(Purpose.PAGE_TOKEN, b""))
    outbox = FileOutbox(config.data_dir / "outbox" / "phone.jsonl")
    commands = VerificationCommands(schedule, keys, vault)

    return Service(
        name="identity",
        database=database,
        key_ids={"identity.key": keys.key_id},
        servicers=[
            (add_AccountServiceServicer_to_server, AccountServicer(database, schedule, pages)),
            (
                add_VerificationServiceServicer_to_server,
                VerificationServicer(
                    database,
                    commands,
                    keys=keys,
                    vault=vault,
                    sender=outbox,
                    pages=pages,
                    credit=CreditPeer(platform.peers),
                ),
            ),
            (add_AgreementServiceServicer_to_server, AgreementServicer(database, pages)),
            (add_AccreditationServiceServicer_to_server, AccreditationServicer(database)),
        ],
        tasks=[Following(schedule, platform.peers).run],
        jobs=[Expiries(database, commands).run],
    )
