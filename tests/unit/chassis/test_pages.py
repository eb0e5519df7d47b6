import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.pages import Pages
from chassis.refusal import ErrorReason, Refusal
from ombud.identity.v1.account_service_pb2 import ListAccountsRequest
from ombud.identity.v1.agreement_service_pb2 import ListSignaturesRequest

PAGES = Pages(b"k" * 32)


def is_refused(pages: Pages, request: ListAccountsRequest | ListSignaturesRequest) -> None:
    with pytest.raises(Refusal) as refused:
        pages.open(request)
    assert refused.value.reason == ErrorReason.ERROR_REASON_PAGE_TOKEN_REFUSED
    assert refused.value.violations[0].path == "page_token"


@pytest.mark.parametrize(("asked", "given_size"), [(0, 50), (1, 1), (500, 500), (501, 500), (2**31 - 1, 500)])
def test_page_size_has_a_default_and_a_most(asked: int, given_size: int) -> None:
    assert PAGES.open(ListAccountsRequest(page_size=asked)).size == given_size


@given(st.lists(st.text(), max_size=4))
def test_token_gives_back_where_the_page_before_ended(last: list[str]) -> None:
    first = PAGES.open(ListAccountsRequest(page_size=7))
    assert first.after == ()
    token = PAGES.token(first, *last)
    assert PAGES.open(ListAccountsRequest(page_token=token)).after == tuple(last)


def test_page_size_may_change_from_page_to_page() -> None:
    token = PAGES.token(PAGES.open(ListAccountsRequest(page_size=7)), "a")
    assert PAGES.open(ListAccountsRequest(page_size=9, page_token=token)).after == ("a",)


def test_token_of_another_listing_key_or_method_is_refused() -> None:
    token = PAGES.token(PAGES.open(ListSignaturesRequest(account_id="one")), "a")
    assert PAGES.open(ListSignaturesRequest(account_id="one", page_token=token)).after == ("a",)
    is_refused(PAGES, ListSignaturesRequest(account_id="two", page_token=token))
    is_refused(PAGES, ListAccountsRequest(page_token=token))
    is_refused(Pages(b"l" * 32), ListSignaturesRequest(account_id="one", page_token=token))


def test_altered_token_is_refused() -> None:
    token = PAGES.token(PAGES.open(ListAccountsRequest()), "a")
    raw = base64.urlsafe_b64decode(token)
    for position in range(len(raw)):
        altered = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        is_refused(PAGES, ListAccountsRequest(page_token=base64.urlsafe_b64encode(altered).decode()))


@given(st.text(min_size=1))
def test_no_text_breaks_the_reader(token: str) -> None:
    is_refused(PAGES, ListAccountsRequest(page_token=token))
