from pathlib import Path

import pytest

from policies import load
from policies.articles import Article, obligations_of, settings_of

POLICIES = Path(__file__).parents[3] / "policies"
PACKS = [load(path) for path in sorted(POLICIES.glob("*.yaml"))]
EU = load(POLICIES / "eu-dsa.yaml")


@pytest.mark.parametrize(
    ("wanted", "citation", "cited"),
    [
        ("17", "DSA Art. 17(3), a statement of reasons", True),
        ("17(3)", "DSA Art. 17(3)(d)", True),
        ("17(3)", "DSA Art. 17(1)", False),
        ("17", "DSA Art. 1(7)", False),
        ("7", "DSA Art. 17", False),
        ("DSA Art. 5", "GDPR Art. 5(1)(e)", False),
        ("GDPR Art. 5", "DSA Art. 20(1), evidence, and GDPR Art. 5(1)(e), no longer", True),
        ("Group rules Art. 12", "Ombud promise within Group rules Art. 12, which says timely", True),
        ("12", "Ombud promise, a reasoned reply within seven days", False),
    ],
)
def test_article_is_found_where_it_is_cited(wanted: str, citation: str, cited: bool) -> None:
    assert Article.parse(wanted).cited_in(citation) is cited


@pytest.mark.parametrize("text", ["", "DSA", "seventeen", "17.3"])
def test_what_is_no_article_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no article"):
        Article.parse(text)


def test_settings_and_rules_are_found_by_article() -> None:
    paths = [setting.path for setting in settings_of(EU, Article.parse("DSA Art. 23"))]

    assert {"credit.tiers", "credit.blacklist_days_most", "credit.rules[misuse-of-reports]"} <= set(paths)
    assert "groups.tip_off_reply_days" not in paths


@pytest.mark.parametrize("article", ["14", "16", "17", "20", "21", "23", "24"])
def test_eu_pack_names_evidence_for_each_article_that_ombud_holds(article: str) -> None:
    assert obligations_of(EU, Article.parse(article))


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.id)
def test_each_obligation_is_of_an_article(pack: object) -> None:
    found = next(each for each in PACKS if each is pack)

    assert found.obligations
    assert all(obligations_of(found, Article.parse(each.article)) for each in found.obligations)
