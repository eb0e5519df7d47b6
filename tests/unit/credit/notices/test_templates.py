from policies.pack import MeasureKind
from services.credit.appeals.domain import AppealOutcome, AppealState
from services.credit.notices.domain import Language, LetterKind
from services.credit.notices.templates import Templates
from tests.unit.credit.builders import approved, written


def test_every_language_has_words_for_everything() -> None:
    for language in Language:
        names = Templates().names(language)
        assert names["texts"] == {"SANCTION", "INTERIM", *LetterKind}
        assert names["outcomes"] == {*AppealOutcome, AppealState.INADMISSIBLE}
        assert names["measures"] >= set(MeasureKind)


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
