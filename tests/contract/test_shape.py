"""What every RPC of the contract has to look like. The sweeps of the other modules rest on it."""

import pytest

from chassis.refusal import ErrorReason
from chassis.server.methods import Load
from tests.support.contract import Rpc, files, messages, rpcs

WORKLOADS = {"platform", "desk", "operator", "identity", "credit", "groups", "retention"}
BEHIND_A_PERSON = {"desk", "operator"}
ROLES = {
    "moderator",
    "approver",
    "reviewer",
    "identity_reviewer",
    "registrar",
    "records_officer",
    "records_approver",
    "custodian",
    "custody_officer",
    "custody_approver",
    "policy_officer",
    "policy_approver",
    "auditor",
}

every_rpc = pytest.mark.parametrize("rpc", rpcs(), ids=lambda rpc: rpc.name)


def test_contract_has_all_four_services() -> None:
    assert {rpc.method.service for rpc in rpcs()} == {"identity", "credit", "groups", "retention"}
    assert len(rpcs()) > 50
    assert len(messages()) > len(rpcs()) * 2


@every_rpc
def test_rpc_says_who_may_call(rpc: Rpc) -> None:
    rule = rpc.method.rule
    assert rule.public or rule.workloads, "no access option: nobody could call it"
    assert rule.workloads <= WORKLOADS
    assert rule.roles <= ROLES
    if rule.public:
        assert not rule.workloads | rule.roles, "public, and yet not"
    if rule.roles:
        assert rule.workloads <= BEHIND_A_PERSON, "no person is behind such a workload"
    if rule.second_person:
        assert rule.roles, "a second person has a role"
        assert not rpc.method.reads


@every_rpc
def test_mutation_is_keyed_or_idempotent_by_its_items_or_a_stream(rpc: Rpc) -> None:
    if rpc.method.reads:
        assert not rpc.method.keyed
        assert not rpc.idempotent
    elif rpc.streams or rpc.idempotent:
        assert not rpc.method.keyed
    else:
        field = rpc.descriptor.input_type.fields_by_name["request_id"]
        assert field.number == 1
        assert field.type == field.TYPE_STRING


@every_rpc
def test_messages_of_an_rpc_are_its_own(rpc: Rpc) -> None:
    verb = rpc.verb
    assert (rpc.descriptor.input_type.name, rpc.descriptor.output_type.name) == (f"{verb}Request", f"{verb}Response")


# One answer a question, or one entry a thing that the question names or a value of an enum.
BOUNDED_BY_THE_QUESTION = {
    "BatchCheck",
    "BatchCheckBlacklist",
    "DiffPolicies",
    "ExplainStanding",
    "GetEvidence",
    "GetTipOffFigures",
    "ProposeExchange",
    "WhatIf",
}
answers_with_many = pytest.mark.parametrize(
    "rpc",
    [
        rpc
        for rpc in rpcs()
        if not rpc.streams
        and any(field.is_repeated and field.message_type for field in rpc.descriptor.output_type.fields)
    ],
    ids=lambda rpc: rpc.name,
)


@answers_with_many
def test_answer_with_many_of_something_has_pages_or_a_stated_bound(rpc: Rpc) -> None:
    if rpc.verb in BOUNDED_BY_THE_QUESTION:
        return
    assert {"page_size", "page_token"} <= set(rpc.descriptor.input_type.fields_by_name)
    assert "next_page_token" in rpc.descriptor.output_type.fields_by_name


def test_export_waits_for_a_quieter_time_and_acts_do_not() -> None:
    bulk = {rpc.verb for rpc in rpcs() if rpc.method.load is Load.BULK}
    assert {rpc.verb for rpc in rpcs() if rpc.verb.startswith("Export")} <= bulk
    assert not [rpc.path for rpc in rpcs() if rpc.method.load is Load.BULK and rpc.method.keyed]


def test_files_are_where_their_package_says() -> None:
    for file in files():
        assert file.name.rpartition("/")[0] == file.package.replace(".", "/")


def test_reasons_are_numbered_by_service() -> None:
    for value in ErrorReason.DESCRIPTOR.values:
        assert value.name.startswith("ERROR_REASON_")
        assert value.number < 500
