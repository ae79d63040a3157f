"""Defers what needs asyncio until an asynchronous handle is made: a synchronous program never imports it."""

from __future__ import annotations

from typing import TypeVar

from ._calls import AsyncCaller
from ._native import Handle, Work

__all__ = ["AsyncCaller", "loop_caller", "outcome"]

T = TypeVar("T")


def loop_caller(handle: Handle) -> AsyncCaller:
    """Makes calls on the running event loop."""
    from ._loop import LoopCaller

    return LoopCaller(handle)


async def outcome(work: Work[T]) -> T:
    """Waits for a call."""
    from ._loop import outcome

    return await outcome(work)
