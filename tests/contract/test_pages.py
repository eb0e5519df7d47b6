"""Every listing has pages that can be walked, and refuses tokens that are not its own."""

from typing import Any

import pytest

from tests.contract.conftest import Lived
from tests.support.contract import Rpc, rpcs
from tests.support.refusals import refusal_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTINGS = [rpc for rpc in rpcs() if "page_token" in rpc.descriptor.input_type.fields_by_name]
every_listing = pytest.mark.parametrize("rpc", LISTINGS, ids=lambda rpc: rpc.name)


async def page(lived: Lived, rpc: Rpc, **fields: Any) -> tuple[list[Any], str]:
    """The rows of a page, and the token of the next."""
    example = lived.examples[rpc.path]
    request = type(example.request)()
    request.CopyFrom(example.request)
    for name, value in fields.items():
        setattr(request, name, value)
    reply: Any = rpc.method.reply_type.FromString(await lived.wire.call(example.who, rpc, request))
    (rows,) = (field.name for field in rpc.descriptor.output_type.fields if field.is_repeated)
    return list(getattr(reply, rows)), reply.next_page_token


@every_listing
async def test_pages_of_one_walk_through_what_one_page_shows(lived: Lived, rpc: Rpc) -> None:
    whole, token = await page(lived, rpc, page_size=500)
    assert token == ""
    walked, token = await page(lived, rpc, page_size=1)
    while token:
        rows, token = await page(lived, rpc, page_size=1, page_token=token)
        assert len(rows) <= 1
        walked += rows
    assert walked == whole


@every_listing
async def test_size_may_be_left_out_or_be_too_large(lived: Lived, rpc: Rpc) -> None:
    assert (await page(lived, rpc, page_size=0))[0] == (await page(lived, rpc, page_size=2**31 - 1))[0][:50]


@every_listing
async def test_negative_size_is_refused_by_its_name(lived: Lived, rpc: Rpc) -> None:
    for size in (-1, -(2**31)):
        refused = await refusal_of(page(lived, rpc, page_size=size))
        assert refused.reason == "INVALID_FIELD"
        assert [violation.field for violation in refused.violations] == ["page_size"]


@every_listing
async def test_token_that_is_not_of_the_listing_is_refused(lived: Lived, rpc: Rpc) -> None:
    for token in ("x", "AAAA", "\N{SNOWMAN}", "A" * 400, await foreign_token(lived, rpc)):
        refused = await refusal_of(page(lived, rpc, page_token=token))
        assert refused.reason == "PAGE_TOKEN_REFUSED"
        assert [violation.field for violation in refused.violations] == ["page_token"]


async def foreign_token(lived: Lived, rpc: Rpc) -> str:
    """The token of another listing, which is good there."""
    for other in LISTINGS:
        if other is not rpc:
            _, token = await page(lived, other, page_size=1)
            if token:
                return token
    raise AssertionError
