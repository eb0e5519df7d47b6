"""Pages of a listing that is sorted by id."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message
from sqlmodel import Session

from chassis.db import Database
from chassis.pages import Pages

T = TypeVar("T")


class Listing:
    """Reads pages of things that are listed in the order of their ids."""

    def __init__(self, database: Database, pages: Pages) -> None:
        self._database = database
        self._pages = pages

    async def page(
        self, request: Message, query: Callable[[Session, str, int], list[T]], key: Callable[[T], str]
    ) -> tuple[list[T], str]:
        """The page that a List request asks for, and the token of the next one.

        Args:
            request: A message with `page_size` and `page_token`.
            query: Reads at most so many things after an id.
            key: The id of a thing.
        """
        page = self._pages.open(request)
        after = page.after[0] if page.after else ""
        found = await self._database.read(lambda session: query(session, after, page.size + 1))
        if len(found) <= page.size:
            return found, ""
        shown = found[: page.size]
        return shown, self._pages.token(page, key(shown[-1]))
