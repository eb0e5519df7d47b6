import copy
import json
import logging
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.redacted import Redacted

NAME = "Marie Curie"


def test_value_shows_nowhere_by_accident(caplog: pytest.LogCaptureFixture) -> None:
    name = Redacted(NAME)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s", name, [name], {"name": name})
    shown = [str(name), repr(name), f"{name:>20}", "%s" % name, str([name]), str({name: name}), caplog.text]  # noqa: UP031 - one more way to format
    assert not [text for text in shown if "Marie" in text]
    assert name.reveal() == NAME


LEAVING: tuple[Any, ...] = (pickle.dumps, copy.deepcopy, json.dumps, vars, list, len, bytes)


@pytest.mark.parametrize("leave", LEAVING)
def test_value_does_not_leave_by_serialisation(leave: Any) -> None:
    with pytest.raises((TypeError, AttributeError)) as refused:
        leave(Redacted(NAME))
    assert "Marie" not in "".join(traceback.format_exception(refused.value))


@given(st.text(), st.text())
def test_equal_if_and_only_if_the_values_are(one: str, other: str) -> None:
    assert (Redacted(one) == Redacted(other)) == (one == other)
    assert (Redacted(one.encode()) == Redacted(other.encode())) == (one == other)
    assert Redacted(one) != one
