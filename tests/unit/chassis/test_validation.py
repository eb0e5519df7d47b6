import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.ids import new_id
from chassis.refusal import Refusal
from chassis.server.validation import check
from ombud.common.v1.types_pb2 import Interval
from ombud.credit.v1.sanction_service_pb2 import Reasons
from ombud.credit.v1.types_pb2 import Evidence
from ombud.identity.v1.account_service_pb2 import ListAccountsRequest
from ombud.retention.v1.access_service_pb2 import AccessScope, RequestAccessRequest

A_SECOND = Interval(start_time=Timestamp(), end_time=Timestamp(seconds=1))
FIRST, LAST = -62_135_596_800, 253_402_300_799


def broken(message: Message) -> list[str]:
    """The paths of the fields that break a rule."""
    try:
        check(message)
    except Refusal as refusal:
        return [violation.path for violation in refusal.violations]
    return []


@pytest.mark.parametrize(
    ("time", "good"),
    [
        (Timestamp(), True),
        (Timestamp(seconds=FIRST), True),
        (Timestamp(seconds=LAST, nanos=999_999_999), True),
        (Timestamp(seconds=FIRST - 1), False),
        (Timestamp(seconds=LAST + 1), False),
        (Timestamp(nanos=-1), False),
        (Timestamp(nanos=1_000_000_000), False),
    ],
)
def test_instant_that_no_clock_shows_is_refused_by_its_name(time: Timestamp, good: bool) -> None:
    assert broken(Reasons(act_time=time)) == ([] if good else ["act_time"])


@pytest.mark.parametrize(
    ("span", "good"),
    [
        (Duration(seconds=60), True),
        (Duration(seconds=315_576_000_000), True),
        (Duration(seconds=315_576_000_001), False),
        (Duration(seconds=60, nanos=-1), False),
        (Duration(seconds=60, nanos=1_000_000_000), False),
    ],
)
def test_span_that_is_none_is_refused_by_its_name(span: Duration, good: bool) -> None:
    request = RequestAccessRequest(
        request_id=new_id(),
        case_id="case-1",
        legal_basis="order",
        purpose="see",
        scope=AccessScope(
            group_ids=[new_id()], interval=Interval(start_time=Timestamp(), end_time=Timestamp(seconds=1))
        ),
        window=span,
        most_reads=1,
    )
    assert broken(request) == ([] if good else ["window"])


@pytest.mark.parametrize(
    ("start", "end", "good"),
    [
        (Timestamp(nanos=1), Timestamp(nanos=1_001), True),
        (Timestamp(nanos=1), Timestamp(nanos=999), False),
        (Timestamp(nanos=999_999_999), Timestamp(seconds=1), True),
        (Timestamp(seconds=1), Timestamp(), False),
        (Timestamp(seconds=FIRST), Timestamp(seconds=LAST), True),
        (Timestamp(seconds=LAST), Timestamp(seconds=FIRST), False),
    ],
)
def test_interval_without_a_microsecond_in_it_is_refused(start: Timestamp, end: Timestamp, good: bool) -> None:
    assert broken(Interval(start_time=start, end_time=end)) == ([] if good else ["(message)"])


def test_times_are_found_at_any_depth() -> None:
    bad = Timestamp(nanos=-1)
    evidence = [Evidence(sha256="0" * 64, observe_time=Timestamp()), Evidence(sha256="0" * 64, observe_time=bad)]
    assert broken(Reasons(evidence=evidence)) == ["evidence[1].observe_time"]
    scope = AccessScope(group_ids=[new_id()], interval=Interval(start_time=bad, end_time=bad))
    assert broken(scope) == ["interval.start_time", "interval.end_time"]


def test_message_without_times_has_only_its_own_rules() -> None:
    assert broken(ListAccountsRequest()) == []
    assert broken(ListAccountsRequest(page_size=-1)) == ["page_size"]
