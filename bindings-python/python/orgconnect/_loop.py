"""The asyncio side of a call: each event loop has a hub, which wakes it once for all calls that have completed."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, TypeVar

from ._calls import Operation, Reply
from ._native import Handle, Hub, Work
from ._pages import AsyncPages

T = TypeVar("T")

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()

# The loop of the last call, which mostly is that of the next one: quicker to compare than to look up.
_recent: tuple[weakref.ref[asyncio.AbstractEventLoop], Hub] | None = None


def _hub(loop: asyncio.AbstractEventLoop) -> Hub:
    global _recent
    recent = _recent
    if recent is not None and recent[0]() is loop:
        return recent[1]
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = _watched(loop)
    _recent = (weakref.ref(loop, _forget), found)
    return found


def _forget(gone: weakref.ref[asyncio.AbstractEventLoop]) -> None:
    global _recent
    if _recent is not None and _recent[0] is gone:
        _recent = None


def _watched(loop: asyncio.AbstractEventLoop) -> Hub:
    try:
        hub = Hub()
        loop.add_reader(hub.fileno(), hub.drain)
    except NotImplementedError:
        # A loop that watches no sockets, as on Windows, is called.
        here = weakref.ref(loop)

        def wake() -> None:
            loop = here()
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(hub.drain)

        hub = Hub(wake)
    return hub


async def outcome(work: Work[T]) -> T:
    """Waits for a call. Whoever stops waiting ends it; what the core does in tasks of its own, such as a refresh,
    goes on.
    """
    loop = asyncio.get_running_loop()
    hub = _hub(loop)
    future: asyncio.Future[T] = loop.create_future()
    number = hub.start(work, future)
    try:
        return await future
    except BaseException:
        hub.cancel(number)
        raise


class LoopCaller:
    """Makes calls on the running event loop."""

    __slots__ = ("handle",)

    def __init__(self, handle: Handle) -> None:
        self.handle = handle

    async def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        """Makes a call."""
        return operation.decode(await outcome(self.handle.send(operation.name, operation.encode(arguments))))

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> AsyncPages[T, Any]:
        """The pages of a list."""
        return AsyncPages(self.handle, operation, operation.encode(arguments))

    def raw(self) -> LoopCaller:
        """Returns replies in place of what is in them."""
        return _RawCaller(self.handle)


class _RawCaller(LoopCaller):
    __slots__ = ()

    async def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        reply = await outcome(self.handle.send(operation.name, operation.encode(arguments)))
        return Reply(reply, operation)  # type: ignore[return-value]

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> AsyncPages[T, Any]:
        raise TypeError("a list has a reply for each page; get the first with send(), and the others with follow()")
