from policies.pack import MeasureKind
from services.credit.appeals.domain import AppealOutcome, AppealState
from services.credit.notices.domain import Language, LetterKind
from services.credit.notices.templates import Templates
from services.credit.sanctions.domain import SourceType
from tests.unit.credit.builders import account, approved, in_force, proposed, reasons, written


def test_every_language_has_words_for_everything() -> None:
    for language in Language:
        names = Templates().names(language)
        assert names["texts"] == {"SANCTION", "INTERIM", *LetterKind}
        assert names["outcomes"] == {*AppealOutcome, AppealState.INADMISSIBLE}
        assert names["measures"] >= set(MeasureKind)
        assert names["sources"] == set(SourceType)


def test_notice_says_in_either_language_what_was_decided_and_how_to_appeal() -> None:
    sanction = approved()
    english, chinese = written(sanction), written(sanction, Language.CHINESE)

    for notice in (english, chinese):
        assert sanction.statement.facts in notice.text
        assert sanction.statement.rule.clause in notice.text
        assert "RECEIPT" in notice.text
        assert f"{sanction.measures[0].end:%Y-%m-%d}" in notice.text
        assert "$" not in notice.text
        assert "mod-1" not in str(notice)
    assert (english.title, chinese.title) == ("A decision about you", "关于您的处理决定")


def test_notice_cites_what_it_rests_on_how_it_is_known_what_it_takes_to_restore_and_where_else_to_go() -> None:
    subject = account()
    ground = in_force(subject=subject)
    sanction = proposed(
        subject=subject, priors=(ground,), reasons=reasons(evidence=(), materials_needed="A receipt of the payment.")
    )
    assert ground.points_end is not None

    english, chinese = written(sanction), written(sanction, Language.CHINESE)
    without = written(approved())

    for notice in (english, chinese):
        assert ground.sanction_id in notice.text
        assert f"{ground.points_end:%Y-%m-%d %H:%M} UTC" in notice.text
        assert "A receipt of the payment." in notice.text
        assert "$" not in notice.text
    assert f"decision {ground.sanction_id}, {ground.points} points until" in english.text
    assert f"Points: {sanction.points}, which count for {sanction.statement.rule.points_days} days" in english.text
    assert "We looked into it by ourselves." in english.text
    assert "outside of court" in english.text
    assert "rests on" not in without.text
    assert "What you need" not in without.text
