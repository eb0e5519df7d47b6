from pathlib import Path

import pytest

from policies import Pack, load
from policies.diff import Difference, differences

PACK = load(Path(__file__).parents[3] / "policies" / "default.yaml")


def changed(section: str, **settings: object) -> Pack:
    document = PACK.model_dump(mode="json")
    document[section] |= settings
    return Pack.model_validate(document)


def with_rules(*rules: dict[str, object]) -> Pack:
    return changed("credit", rules=list(rules))


RULES = [rule.model_dump(mode="json") for rule in PACK.credit.rules]


def test_pack_does_not_differ_from_itself() -> None:
    assert differences(PACK, Pack.model_validate_json(PACK.canonical)) == []


def test_changed_setting_is_told_with_both_values_and_its_article() -> None:
    (found,) = differences(PACK, changed("groups", tip_off_reply_days=5))

    assert found == Difference("groups.tip_off_reply_days", "7", "5", PACK.groups.serves["tip_off_reply_days"])


def test_changed_rule_is_named_by_its_id_and_cites_its_own_article() -> None:
    stricter = RULES[0] | {"points_most": 4}

    (found,) = differences(PACK, with_rules(stricter, *RULES[1:]))

    assert found == Difference("credit.rules[spam].points_most", "3", "4", "Terms of service 4.1")


def test_added_and_removed_rules_are_told_whole() -> None:
    new = RULES[0] | {"id": "flooding"}

    added, removed = differences(PACK, with_rules(*RULES[1:], new))

    assert (added.path, added.before) == ("credit.rules[flooding]", None)
    assert (removed.path, removed.after) == ("credit.rules[spam]", None)
    assert removed.before is not None
    assert '"points_least": 1' in removed.before


def test_another_order_is_a_difference() -> None:
    (found,) = differences(PACK, with_rules(*reversed(RULES)))

    assert found.path == "credit.rules.order"


@pytest.mark.parametrize("name", ["cn-group-chat-2017", "eu-dsa"])
def test_differences_lead_from_one_pack_to_the_other_and_back(name: str) -> None:
    other = load(Path(__file__).parents[3] / "policies" / f"{name}.yaml")

    there, back = differences(PACK, other), differences(other, PACK)

    assert {each.path: (each.before, each.after) for each in there} == {
        each.path: (each.after, each.before) for each in back
    }
