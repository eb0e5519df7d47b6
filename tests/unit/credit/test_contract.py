from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ombud.credit.v1 import (
    appeal_service_pb2,
    blacklist_service_pb2,
    policy_service_pb2,
    referral_service_pb2,
    sanction_service_pb2,
    standing_service_pb2,
    types_pb2,
)

MODULES = (
    appeal_service_pb2,
    blacklist_service_pb2,
    policy_service_pb2,
    referral_service_pb2,
    sanction_service_pb2,
    standing_service_pb2,
    types_pb2,
)


def fields() -> Iterator[FieldDescriptor]:
    for module in MODULES:
        for message in module.DESCRIPTOR.message_types_by_name.values():
            yield from message.fields


def reachable(message: Descriptor) -> set[str]:
    """Names of all fields in a message and in what it holds."""
    found: set[str] = set()
    waiting, seen = [message], set()
    while waiting:
        current = waiting.pop()
        if current.full_name in seen:
            continue
        seen.add(current.full_name)
        for field in current.fields:
            found.add(field.name)
            if field.message_type is not None:
                waiting.append(field.message_type)
    return found


def test_no_message_names_a_member_of_staff() -> None:
    parts = ("staff", "issuer", "approver", "reviewer", "proposer", "moderator")

    assert [field.full_name for field in fields() if any(part in field.name for part in parts)] == []


def test_reporter_is_told_to_the_service_and_never_by_it() -> None:
    holders = [field.full_name for field in fields() if "reporter" in field.name]

    assert holders == [
        "ombud.credit.v1.ProposeSanctionRequest.reporter_account_id",
        "ombud.credit.v1.ImposeInterimMeasureRequest.reporter_account_id",
    ]


def test_standing_does_not_leave_by_the_feed() -> None:
    told = reachable(standing_service_pb2.WatchStandingResponse.DESCRIPTOR)

    assert not {"points", "active_points", "tier", "rule_id", "score"} & told


def test_nothing_sets_standing() -> None:
    verbs = [method.name for method in standing_service_pb2.DESCRIPTOR.services_by_name["StandingService"].methods]

    assert verbs == ["GetStanding", "ExplainStanding", "ListLedger", "WhatIf", "RecordRemedy", "WatchStanding"]
