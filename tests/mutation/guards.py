"""The guards of due process: for each rule what holds it in code and in the database, and who attacks it there.

A guard in code is taken away by `code.py`, and the attack through the API has to succeed then, so that its test fails.
A constraint is dropped by `test_constraints.py`, and an attack of `tests/unit/credit/attacks` has to get through.
"""

from dataclasses import dataclass

CREDIT = "services.credit."
API = "tests/integration/credit/"


@dataclass(frozen=True)
class Guard:
    """One guard.

    Attributes:
        rule: The rule that it holds.
        what: What it keeps from happening.
        code: Module and function under `services.credit`, as "sanctions.proposal:check_reasons".
        api: The test that attacks through the API, under `tests/integration/credit`.
        constraints: What holds the same in the database.
        answers: What the function answers without the guard; empty where the guard is to refuse.
    """

    rule: str
    what: str
    code: str
    api: str
    constraints: tuple[str, ...]
    answers: str = ""


BROKEN_PROPOSALS = "test_sanctions.py::test_proposal_that_breaks_a_rule_is_refused_with_what_would_satisfy_it"

GUARDS = (
    Guard(
        "R2",
        "a sanction without its statement of reasons",
        "sanctions.proposal:check_reasons",
        BROKEN_PROPOSALS,
        ("fk_sanction_sanction_id_statement", "ck_statement_facts"),
    ),
    Guard(
        "R2",
        "a measure without an end or a review",
        "sanctions.proposal:_check_measure",
        BROKEN_PROPOSALS,
        ("ck_sanction_end_or_review", "ck_measure_end_or_review", "ck_measure_blacklist_term"),
        answers="None",
    ),
    Guard(
        "R2",
        "a decision of one person",
        "sanctions.domain:approve",
        "test_sanctions.py::test_who_proposed_can_not_approve",
        ("ck_sanction_second_person", "ck_sanction_approved", "ck_sanction_persons"),
    ),
    Guard(
        "R2",
        "effect without a delivered notice and an open window to appeal",
        "appeals.domain:file",
        "test_appeals.py::test_window_closes_six_months_after_the_notice",
        (
            "ck_sanction_in_force",
            "fk_sanction_sanction_id_start_at_appeal_end_notice",
            "ck_notice_appeal_window",
            "ck_notice_delivered",
            "ck_appeal_within_window",
        ),
    ),
    Guard(
        "R2",
        "an interim measure that is long, grave, or counts",
        "sanctions.interim:impose",
        "test_interim.py::test_what_takes_two_persons_is_refused_to_one",
        ("ck_sanction_interim", "ck_sanction_persons", "ck_lift_person", "fk_lift_decision"),
    ),
    Guard(
        "R2",
        "an interim measure that is renewed for the same facts",
        "sanctions.store:had_interim",
        "test_interim.py::test_it_is_not_renewed_for_the_same_facts_before_or_after_the_decision",
        ("uq_sanction_subject_kind_subject_id_evidence_set",),
        answers="''",
    ),
    Guard(
        "R2",
        "a rule that is applied to what was done before it",
        "sanctions.proposal:check_act",
        BROKEN_PROPOSALS,
        ("ck_statement_not_retroactive",),
    ),
    Guard(
        "R2",
        "two sanctions for the same facts",
        "sanctions.servicer:SanctionServicer.ProposeSanction",
        "test_sanctions.py::test_same_evidence_does_not_found_a_second_sanction",
        ("uq_sanction_subject_kind_subject_id_evidence_set",),
    ),
    Guard(
        "R2",
        "a step of the ladder that is left out without saying why",
        "sanctions.ladder:check_justified",
        "test_ladder.py::test_step_that_is_left_out_needs_a_justification_and_a_second_person",
        ("ck_statement_step_justification",),
    ),
    Guard(
        "R2",
        "a lift of what is not in force, or without reasons",
        "sanctions.relief:_check",
        "test_relief.py::test_lift_of_what_is_not_in_force_is_refused",
        ("fk_lift_sanction_id_start_at_sanction", "ck_lift_in_force", "ck_lift_reasons"),
    ),
    Guard(
        "R2",
        "a variation that is no easing",
        "sanctions.relief:vary",
        "test_relief.py::test_variation_that_is_harsher_or_a_second_one_is_refused",
        ("ck_variation_reasons", "fk_varied_measure_measure"),
    ),
    Guard(
        "R2",
        "an order that is put right after its date",
        "sanctions.rectification:rectify",
        "test_rectification.py::test_order_that_was_not_followed_is_a_fact_and_changes_nothing",
        ("ck_rectification_in_time", "ck_rectification_kind", "ck_rectification_person", "ck_rectification_proof"),
    ),
    Guard(
        "R3",
        "points that somebody adds or takes by hand",
        "standings.remedies:record",
        "test_remedies.py::test_remedy_that_wins_back_nothing_is_refused_with_what_would_satisfy_it",
        ("ck_ledger_entry_kind", "ck_ledger_entry_proof", "fk_ledger_entry_relieved"),
    ),
    Guard(
        "R3",
        "points that outlive the decision",
        "appeals.effects:take_back",
        "test_appeals.py::test_overturn_gives_back_standing_and_rights_and_takes_derived_penalties_with_it",
        ("ck_sanction_overturned", "ck_sanction_points_end"),
        answers="None",
    ),
    Guard(
        "R4",
        "points beyond what the rule gives",
        "sanctions.proposal:_check_points",
        BROKEN_PROPOSALS,
        ("fk_ledger_entry_sanction_id_start_at_sanction", "uq_ledger_entry_sanction_id_kind"),
    ),
    Guard(
        "R4",
        "a decision that rests on what is none, or on others",
        "sanctions.proposal:_check_prior",
        "test_interim.py::test_it_is_no_step_of_the_ladder_and_founds_nothing",
        ("fk_blacklist_entry_sanction_id_start_at_sanction", "ck_sanction_recorded_breach"),
    ),
    Guard(
        "R5",
        "a review by who had a part",
        "appeals.domain:conflict_of",
        "test_appeals.py::test_who_sanctioned_does_not_review",
        ("ck_appeal_other_person", "ck_appeal_no_party", "fk_appeal_parties"),
        answers="None",
    ),
    Guard(
        "R5",
        "a review by who had a part in what led to the sanction, in what it rests on, or in what eased it",
        "appeals.parties:parts_in",
        "test_independence.py::test_who_imposed_the_interim_measure_does_not_review_the_decision",
        ("fk_appeal_case_part", "pk_case_part"),
        answers="{}",
    ),
    Guard(
        "R5",
        "a decision by a reviewer who has had another part since",
        "appeals.domain:_need_no_other_part",
        "test_independence.py::test_reviewer_who_takes_another_part_decides_no_longer",
        ("fk_appeal_case_part", "ck_appeal_reviewer_part"),
    ),
    Guard(
        "R5",
        "a decision by whom the appeal was not given to, or without reasons",
        "appeals.domain:_need_reviewer",
        "test_appeals.py::test_only_the_assigned_reviewer_decides_and_with_reasons",
        ("ck_appeal_reviewed", "ck_appeal_decision"),
    ),
    Guard(
        "R5",
        "a policy pack that one person publishes",
        "policies.domain:approve",
        "test_policies.py::test_one_person_publishes_nothing",
        ("ck_policy_proposal_second_person", "ck_policy_proposal_approved", "fk_policy_proposal"),
    ),
    Guard(
        "R5",
        "a blacklist entry of another instance that one person admits",
        "blacklist.exchange:approve",
        "test_exchange.py::test_one_person_does_not_admit_alone",
        (
            "ck_blacklist_exchange_second_person",
            "ck_blacklist_exchange_approved",
            "fk_admitted_listing_exchange_id_approved_at_blacklist_exchange",
        ),
    ),
    Guard(
        "R2",
        "rules that hold before anybody could know them",
        "policies.domain:_check_date",
        "test_policies.py::test_version_and_date_of_a_publication_are_taken",
        ("ck_policy_proposal_not_retroactive",),
    ),
    Guard(
        "R6",
        "a sanction that has effect while its appeal is overdue",
        "appeals.domain:Appeal.stay",
        "test_appeals.py::test_silence_stays_the_sanction_and_the_decision_ends_the_stay",
        ("ck_appeal_prolongation",),
        answers="None",
    ),
    Guard(
        "R6",
        "a stay that outlives its cause",
        "sanctions.relief:check_stay",
        "test_relief.py::test_stay_without_an_open_appeal_has_no_cause_and_is_refused",
        ("fk_stay_appeal_id_appeal",),
    ),
    Guard(
        "R10",
        "a referral by one person",
        "referrals.domain:approve",
        "test_consequences.py::test_referral_takes_two_persons_and_stays_on_file_when_the_sanction_falls",
        ("ck_referral_second_person", "ck_referral_approved"),
    ),
    Guard(
        "R10",
        "a referral of what is not decided, or without a legal basis",
        "referrals.domain:_need_in_force",
        "test_consequences.py::test_proposed_sanction_is_not_referred",
        ("ck_referral_legal_basis", "fk_referral_sanction_id_sanction", "ck_letter_not_before"),
    ),
)
