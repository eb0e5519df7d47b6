"""The laws of the project, as far as they are held by what the contract does not offer."""

import re

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.support.contract import Rpc, in_requests, in_responses, reachable, rpcs

BY_PATH = {rpc.path: rpc for rpc in rpcs()}
MUTATIONS = [rpc for rpc in rpcs() if not rpc.method.reads]


def of(service: str) -> dict[str, Rpc]:
    """The RPCs of a gRPC service by verb."""
    return {rpc.verb: rpc for rpc in rpcs() if rpc.descriptor.containing_service.name == service}


def fields(*roots: Descriptor) -> dict[str, FieldDescriptor]:
    """Every field that can be reached, by full name."""
    return {field.full_name: field for message in reachable(roots).values() for field in message.fields}


def named(found: dict[str, FieldDescriptor], words: str) -> set[str]:
    """The fields whose name holds one of the words."""
    pattern = re.compile(rf"(^|_)({words})s?(_|$)")
    return {name for name, field in found.items() if pattern.search(field.name)}


def sent(*chosen: Rpc) -> dict[str, FieldDescriptor]:
    return fields(*(rpc.descriptor.input_type for rpc in chosen))


def given(*chosen: Rpc) -> dict[str, FieldDescriptor]:
    return fields(*(rpc.descriptor.output_type for rpc in chosen))


def test_r1_no_rpc_looks_for_content() -> None:
    looking = re.compile(r"Search|Scan|Match|Classif|Moderate|Detect|Score|Rank|Analy[sz]e|Filter|Index")
    assert not [rpc.path for rpc in rpcs() if looking.search(rpc.verb)]
    automated = named(sent(*MUTATIONS), "automated|classifier|confidence|model|similarity|keyword|query|regex")
    assert automated == set(), "a caller can say that a machine found something"


def test_r2_measures_come_from_a_proposal_with_reasons_and_an_end_and_from_nothing_else() -> None:
    imposing = [
        rpc.path
        for rpc in MUTATIONS
        if any(
            field.enum_type is not None and field.enum_type.name == "MeasureKind"
            for field in fields(rpc.descriptor.input_type).values()
        )
    ]
    proposing = "/ombud.credit.v1.SanctionService/ProposeSanction"
    shortening = {"/ombud.credit.v1.SanctionService/VarySanction", "/ombud.credit.v1.AppealService/DecideAppeal"}
    interim = "/ombud.credit.v1.SanctionService/ImposeInterimMeasure"
    assert set(imposing) == {proposing, interim} | shortening
    assert {"reasons", "until_time"} <= set(BY_PATH[interim].descriptor.input_type.fields_by_name)
    assert named(sent(BY_PATH[interim]), "point|review|prior|start") == set(), "one person imposes for the time being"
    for path in shortening:
        assert named(sent(BY_PATH[path]), "start|review|subject") == set()
    proposal = BY_PATH[proposing].descriptor.input_type.fields_by_name
    assert "reasons" in proposal
    assert {"ombud.credit.v1.Measure.end_time", "ombud.credit.v1.Measure.review_time"} <= set(sent(BY_PATH[proposing]))
    assert not proposal["subject"].is_repeated, "one sanction concerns one subject"
    assert "state" not in proposal


def test_r2_no_rpc_puts_a_sanction_in_force() -> None:
    milder = {"LiftSanction", "VarySanction", "StaySanction", "WithdrawSanction", "RecordRectification"}
    imposing = {"ProposeSanction", "ApproveSanction", "ImposeInterimMeasure"}
    assert set(of("SanctionService")) == imposing | {"GetSanction", "ListSanctions"} | milder
    assert set(sent(of("SanctionService")["ApproveSanction"])) == {
        "ombud.credit.v1.ApproveSanctionRequest.request_id",
        "ombud.credit.v1.ApproveSanctionRequest.sanction_id",
    }


def test_r3_nothing_sets_a_standing() -> None:
    acts = [verb for verb, rpc in of("StandingService").items() if not rpc.method.reads]
    assert acts == ["RecordRemedy"], "a remedy is an entry; how many points it wins back is the policy's to say"
    settable = named(sent(*MUTATIONS), "rating|score|tier|standing|point|reputation|rank|level|entitlement")
    assert settable == {
        "ombud.credit.v1.DecideAppealRequest.points",
        "ombud.credit.v1.ProposeSanctionRequest.points",
        "ombud.credit.v1.VarySanctionRequest.points",
    }


def test_r3_ledger_is_listed_and_never_edited() -> None:
    assert not [rpc.path for rpc in MUTATIONS if re.search(r"Ledger|Entry|Points", rpc.verb)]


def test_r4_standing_does_not_leave_the_suite() -> None:
    outside_credit = [rpc for rpc in rpcs() if rpc.method.service != "credit"]
    watch = of("StandingService")["WatchStanding"]
    told = named(given(*outside_credit, watch), "point|tier|score|standing")
    assert told <= {"ombud.groups.v1.GroupsChange.standing"}, "what groups keeps are entitlements under that name"
    for verb, rpc in of("StandingService").items():
        if verb not in ("WatchStanding", "RecordRemedy"):
            assert rpc.method.rule.workloads == {"platform", "desk"}


def test_r4_an_entry_from_another_instance_brings_no_points_and_no_measure() -> None:
    exchanging = of("BlacklistService")["ProposeExchange"]
    assert named(sent(exchanging), "point|measure|tier|score|kind|account|group|name") == set()


def test_r4_the_ledger_takes_nothing_from_elsewhere() -> None:
    credit = [rpc for rpc in MUTATIONS if rpc.method.service == "credit"]
    foreign = "content|contact|friend|payment|purchase|balance|location|device|address|age|gender|religion|activity"
    assert named(sent(*credit), foreign) == set()


def test_r5_second_parts_are_marked_and_their_roles_differ_from_the_first() -> None:
    parts = {
        ("SanctionService", "ProposeSanction"): "ApproveSanction",
        ("ReferralService", "ProposeReferral"): "ApproveReferral",
        ("PolicyService", "ProposePolicy"): "ApprovePolicy",
        ("BlacklistService", "ProposeExchange"): "ApproveExchange",
        ("AccessService", "RequestAccess"): "ApproveAccess",
        ("CustodyService", "RegisterCustodian"): "ApproveCustodian",
        ("LifecycleService", "SetRetentionClass"): "ApproveRetentionClass",
        ("HoldService", "PlaceHold"): "ApproveHold",
        ("HoldService", "ReleaseHold"): "ApproveHold",
        ("HoldService", "ProlongHold"): "ApproveHold",
    }
    second = {rpc.path for rpc in rpcs() if rpc.method.rule.second_person}
    assert {path.rpartition("/")[2] for path in second} == set(parts.values())
    assert {rpc.verb for rpc in rpcs() if rpc.verb.startswith("Approve")} == set(parts.values())
    for (service, first), approval in parts.items():
        rules = of(service)[first].method.rule, of(service)[approval].method.rule
        assert not rules[0].roles & rules[1].roles


def test_r5_no_caller_names_the_person_who_acts() -> None:
    naming = named(sent(*MUTATIONS), "issuer|approver|reviewer|requester|decider|moderator|staff|operator|person")
    # A record says who acted once; and somebody else is to become a custodian.
    others = {"ombud.common.v1.AuditRecord.person", "ombud.retention.v1.RegisterCustodianRequest.staff_id"}
    assert naming <= others, "who acts is who is proved to call"
    assert BY_PATH["/ombud.retention.v1.AuditService/AppendAuditRecords"].method.rule.workloads == {
        "identity",
        "credit",
        "groups",
        "retention",
    }


def test_r6_nobody_moves_a_deadline_that_helps_the_user() -> None:
    moved = named(sent(*MUTATIONS), "due|deadline|stay|stayed|overdue|escalated|appeal_end|postpone|extend|snooze")
    assert moved == set()


def test_r7_a_breach_of_duty_is_derived_and_never_typed_in() -> None:
    states = [field.enum_type.name for field in sent(*rpcs()).values() if field.enum_type is not None]
    assert "DutyState" not in states
    assert set(of("StewardshipService")) == {"ServeNotice", "RecordCure", "GetDutyLedger"}
    assert "duty_notice_id" in of("SanctionService")["ProposeSanction"].descriptor.input_type.fields_by_name


def test_r8_what_was_sealed_has_no_way_out() -> None:
    out = {field.full_name for message in in_responses().values() for field in message.fields}
    sealed = {
        field.full_name
        for message in in_requests().values()
        for field in message.fields
        if field.GetOptions().debug_redact
    }
    assert sealed >= {
        "ombud.identity.v1.DocumentEvidence.number",
        "ombud.identity.v1.DocumentEvidence.full_name",
        "ombud.identity.v1.RegistrationEvidence.number",
        "ombud.identity.v1.RegistrationEvidence.legal_name",
        "ombud.identity.v1.PhoneCodeEvidence.code",
        "ombud.identity.v1.StartVerificationRequest.phone_number",
    }
    assert sealed & out == set()
    identity = [rpc for rpc in rpcs() if rpc.method.service == "identity"]
    personal = "legal_name|full_name|real_name|phone|number|birth|birthday|address|email|pseudonym"
    assert named(given(*identity), personal) == set()
    assert not [rpc.path for rpc in identity if re.search(r"Vault|Unseal|Reveal|Decrypt|Export|Search|Find", rpc.verb)]


def test_r8_nobody_asks_which_accounts_are_one_persons() -> None:
    reads = [rpc for rpc in rpcs() if rpc.method.service == "identity" and rpc.method.reads]
    by_person = named(sent(*reads), "person|holder|number|name|nickname|phone|pseudonym|document")
    agreements = {"ombud.identity.v1.GetCurrentAgreementRequest.name", "ombud.identity.v1.GetAcceptanceRequest.name"}
    assert by_person <= agreements, "the name of an agreement, and no person's"


def test_r9_no_caller_deletes_or_rewrites_what_was_recorded() -> None:
    kept = [rpc for rpc in rpcs() if rpc.method.service in {"retention", "credit"}]
    changing = re.compile(r"^(Delete|Erase|Remove|Update|Replace|Truncate|Purge|Reset|Set|Import|Restore)")
    assert {rpc.verb for rpc in kept if changing.search(rpc.verb)} <= {"SetRetentionClass"}


def test_r9_two_persons_change_how_long_records_are_kept_and_no_hold_is_without_an_end() -> None:
    lifecycle, holds = of("LifecycleService"), of("HoldService")
    assert {rpc.verb for rpc in lifecycle.values() if not rpc.method.reads} == {
        "SetRetentionClass",
        "ApproveRetentionClass",
    }
    assert "effective_time" not in lifecycle["SetRetentionClass"].descriptor.input_type.fields_by_name
    placed = holds["PlaceHold"].descriptor.input_type.fields_by_name["review_time"]
    assert placed.GetOptions().Extensions[validate_pb2.field].required
    assert {"ApproveRetentionClass", "ApproveHold"} <= {rpc.verb for rpc in rpcs() if rpc.method.rule.second_person}


def test_r10_records_leave_by_approved_access_alone() -> None:
    streams = {rpc.verb for rpc in rpcs() if rpc.descriptor.server_streaming}
    assert streams == {"Append", "ExportRecords", "ReadRecords", "WatchAccounts", "WatchBlacklist", "WatchStanding"}
    with_records = [
        rpc.verb for rpc in rpcs() if "ombud.retention.v1.RetainedRecord" in reachable([rpc.descriptor.output_type])
    ]
    assert set(with_records) == {"ReadRecords", "ExportRecords"}
    for verb in with_records:
        read = of("AccessService")[verb]
        assert not read.method.reads, "a read is an act, and leaves a record"
        assert f"ombud.retention.v1.{verb}Request.access_id" in sent(read)


def test_r10_no_query_for_a_person_and_no_feed_to_an_authority() -> None:
    access = [rpc for rpc in rpcs() if rpc.descriptor.containing_service.name in {"AccessService", "IngestService"}]
    assert named(sent(*access), "account|nickname|person|user|sender") == set()
    referral = of("ReferralService")["ProposeReferral"].descriptor.input_type.fields_by_name
    assert not referral["sanction_id"].is_repeated
    assert not [
        rpc.path for rpc in rpcs() if re.search(r"Authority|Police|Bulk|Batch.*(Referral|Disclos)|Backdoor", rpc.verb)
    ]
    for rpc in of("ReferralService").values():
        assert rpc.method.rule.workloads == {"desk"}, "an authority has no way in"
        assert rpc.method.rule.roles


def test_r11_every_act_can_be_repeated_without_a_second_effect() -> None:
    for rpc in MUTATIONS:
        assert rpc.method.keyed or rpc.idempotent or rpc.streams, rpc.path
    told = [
        rpc
        for rpc in MUTATIONS
        if rpc.method.service == "groups" and rpc.descriptor.containing_service.name == "GroupService"
    ]
    for rpc in told:
        assert "consistency_token" in rpc.descriptor.output_type.fields_by_name
