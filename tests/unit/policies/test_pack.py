import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from policies import Pack, load

PACK = load(Path(__file__).parents[3] / "policies" / "default.yaml")


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_more_points_never_entitle_to_more(fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))

    assert PACK.credit.tier_of(more).entitlements.at_most(PACK.credit.tier_of(fewer).entitlements)


@given(st.integers(0, 100), st.integers(0, 100))
def test_tier_is_left_later_than_it_was_entered(before: int, points: int) -> None:
    entered = PACK.credit.tier_of(before)

    tier = PACK.credit.tier_of(points, entered)

    if points >= entered.held_from:
        assert tier.from_points >= entered.from_points
    else:
        assert tier.from_points < entered.from_points
    assert PACK.credit.tier_of(points).from_points <= tier.from_points


def test_pack_survives_its_canonical_form() -> None:
    again = Pack.model_validate_json(PACK.canonical)

    assert again == PACK
    assert again.content_hash == hashlib.sha256(PACK.canonical.encode()).hexdigest()


def test_clause_is_pinned_by_its_hash() -> None:
    rule = PACK.credit.rule("spam")

    assert rule is not None
    assert rule.clause_hash == hashlib.sha256(rule.clause.encode()).hexdigest()


def test_unknown_rule_is_none() -> None:
    assert PACK.credit.rule("no-such-rule") is None
