"""Refreshes connections ahead of demand."""

from __future__ import annotations

from types import TracebackType

import msgspec

from ._loops import outcome
from ._native import Refresher as NativeRefresher


class RefresherStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresher has done."""

    rounds: int
    """Rounds that were made."""
    claimed: int
    """Records that were claimed."""
    refreshed: int
    """Connections that have a new token."""
    fresh: int
    """Connections that were good for long enough still."""
    resting: int
    """Connections that were let rest, since nobody has used them for long."""
    ended: int
    """Connections that were not in use any more, or whose grant turned out to be gone."""
    failed: int
    """Refreshes that failed and may succeed later."""
    paused: int
    """Rounds that were cut short because a 429 asked for a pause."""
    store_failures: int
    """Rounds that were cut short because the store failed."""


class _Refresher:
    def __init__(self, native: NativeRefresher) -> None:
        self._native = native

    def start(self) -> None:
        """Begins to work in the background. Writes the token store.

        Raises `ConfigError`, naming the setting.
        """
        self._native.start()

    def stats(self) -> RefresherStats:
        """What it has done so far."""
        return RefresherStats(**self._native.stats())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Refresher(_Refresher):
    """Refreshes connections before they end. Made by `Client.refresher`.

    Run it in one process or in many, on one machine or on many: on PostgreSQL and Redis each claims other
    connections, and in the other stores the processes of one machine do. A connection that nobody has used for a
    while is left to whoever wants it next, so that the work grows with what is in use and not with what is stored.

    As a context manager it works as long as the block.
    """

    def run_once(self) -> RefresherStats:
        """Makes one round and says what was done. Writes the token store. For programs that are started now and then.

        Raises `ConfigError`, naming the setting; `StoreError` if the store fails. Refreshes that fail are counted.
        """
        return RefresherStats(**self._native.run_once().wait())

    def stop(self) -> RefresherStats:
        """Stops it: nothing more is claimed, what is under way is waited for."""
        return RefresherStats(**self._native.stop().wait())

    def __enter__(self) -> Refresher:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


class AsyncRefresher(_Refresher):
    """Refreshes connections before they end. Made by `AsyncClient.refresher`; see `Refresher`."""

    async def run_once(self) -> RefresherStats:
        """Makes one round and says what was done. Writes the token store. For programs that are started now and then.

        Raises `ConfigError`, naming the setting; `StoreError` if the store fails. Refreshes that fail are counted.
        """
        return RefresherStats(**await outcome(self._native.run_once()))

    async def stop(self) -> RefresherStats:
        """Stops it: nothing more is claimed, what is under way is waited for."""
        return RefresherStats(**await outcome(self._native.stop()))

    async def __aenter__(self) -> AsyncRefresher:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
