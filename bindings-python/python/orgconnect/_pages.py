"""Pages of a list, one after the other, and their items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._errors import DecodeError
from ._native import Handle, Work
from ._native import Reply as NativeReply

if TYPE_CHECKING:
    from ._calls import Operation

PageT = TypeVar("PageT")
ItemT = TypeVar("ItemT")


class _Source(Generic[PageT]):
    """Where the next page comes from."""

    __slots__ = ("_arguments", "_handle", "_next", "_operation")

    def __init__(self, handle: Handle, operation: Operation[PageT], arguments: bytes) -> None:
        self._handle = handle
        self._operation = operation
        self._arguments = arguments
        self._next: str | None = None

    def first(self) -> Work[NativeReply]:
        self._next = None
        return self._handle.send(self._operation.name, self._arguments)

    def following(self) -> Work[NativeReply] | None:
        if self._next is None:
            return None
        return self._handle.follow(self._operation.name, self._next)

    def take(self, reply: NativeReply) -> PageT:
        if reply.next_page is not None and reply.next_page == self._next:
            raise DecodeError("the list has no end: its next page is the same page; report this to Cronofy")
        page = self._operation.decode(reply)
        self._next = reply.next_page
        return page

    def items(self, page: PageT) -> list[Any]:
        items = self._operation.items
        return items(page) if items is not None else []

    def copy(self) -> _Source[PageT]:
        return _Source(self._handle, self._operation, self._arguments)

    @property
    def name(self) -> str:
        return self._operation.name


class Pages(Generic[PageT, ItemT]):
    """A list: iterate over it for the items of all pages. Nothing is sent before, and each iteration begins anew.

    Links to next pages are followed only on Cronofy's API.
    """

    __slots__ = ("_source",)

    def __init__(self, handle: Handle, operation: Operation[PageT], arguments: bytes) -> None:
        self._source = _Source(handle, operation, arguments)

    def __iter__(self) -> Iterator[ItemT]:
        for page in self.pages():
            yield from self._source.items(page)

    def pages(self) -> Iterator[PageT]:
        """The pages, one after the other."""
        source = self._source.copy()
        work: Work[NativeReply] | None = source.first()
        while work is not None:
            yield source.take(work.wait())
            work = source.following()

    def first_page(self) -> PageT:
        """The first page."""
        return next(self.pages())

    def all(self) -> list[ItemT]:
        """The items of all pages."""
        return list(self)

    def __repr__(self) -> str:
        return f"<Pages of {self._source.name}>"


class AsyncPages(Generic[PageT, ItemT]):
    """A list: iterate over it with `async for`, for the items of all pages. Nothing is sent before, and each iteration
    begins anew.

    Links to next pages are followed only on Cronofy's API.
    """

    __slots__ = ("_source",)

    def __init__(self, handle: Handle, operation: Operation[PageT], arguments: bytes) -> None:
        self._source = _Source(handle, operation, arguments)

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        async for page in self.pages():
            for item in self._source.items(page):
                yield item

    async def pages(self) -> AsyncIterator[PageT]:
        """The pages, one after the other."""
        from ._loop import outcome

        source = self._source.copy()
        work: Work[NativeReply] | None = source.first()
        while work is not None:
            yield source.take(await outcome(work))
            work = source.following()

    async def first_page(self) -> PageT:
        """The first page."""
        async for page in self.pages():
            return page
        raise DecodeError("the list has no first page; report this to Cronofy")

    async def all(self) -> list[ItemT]:
        """The items of all pages."""
        return [item async for item in self]

    def __repr__(self) -> str:
        return f"<AsyncPages of {self._source.name}>"
