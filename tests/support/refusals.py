"""What a refused call said."""

from collections.abc import Awaitable

import pytest

from ombud.client import OmbudError


async def refusal_of(call: Awaitable[object]) -> OmbudError:
    """The error of a call that must be refused."""
    with pytest.raises(OmbudError) as caught:
        await call
    return caught.value
