"""Stores: where tokens are kept. Those that come with the package, and the protocol for one of your own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ._errors import ConfigError, StoreError
from ._native import (
    FileStore,
    HostStore,
    KeyringStore,
    Keys,
    MemoryStore,
    PostgresStore,
    RedisStore,
    SealedStore,
    SqliteStore,
    Store,
    open_store,
)

__all__ = [
    "ConnectionKey",
    "FileStore",
    "KeyringStore",
    "Keys",
    "Lease",
    "ListQuery",
    "ListedRecord",
    "MemoryStore",
    "PostgresStore",
    "Record",
    "RedisStore",
    "Rewrapped",
    "SealedStore",
    "SqliteStore",
    "Store",
    "StoreError",
    "StoredRecord",
    "TokenStore",
    "check",
    "check_async",
    "open",
    "prepare",
    "prepare_async",
    "rewrap_all",
    "rewrap_all_async",
]


class ConnectionKey(NamedTuple):
    """The key of a record."""

    namespace: str
    """Data center (or base URL) and application: `uk/CLIENT_ID`. Records of two applications never meet."""
    connection: str
    """The connection within it."""


class Record(NamedTuple):
    """What is written into a store."""

    payload: str
    """Opaque text; it holds secrets unless the store is sealed. Stores write it as it is."""
    expires_at: datetime | None
    """When the record wants attention, to the millisecond. None: never."""

    def __repr__(self) -> str:
        return f"Record(payload=<{len(self.payload)} characters>, expires_at={self.expires_at!r})"


class StoredRecord(NamedTuple):
    """What is read from a store."""

    record: Record
    """The record as it was saved."""
    version: int
    """How often the record has been written: 1 for the first time."""


class ListedRecord(NamedTuple):
    """A record as it appears in a list."""

    connection: str
    """The connection."""
    version: int
    """Its version."""
    expires_at: datetime | None
    """When it wants attention."""


class ListQuery(NamedTuple):
    """Which records to list."""

    namespace: str
    """The namespace."""
    expires_before: datetime | None
    """Only records that want attention before this time."""
    after: str | None
    """Only records whose id comes after this one: the last of the page before."""
    limit: int
    """At most this many."""


class Lease(NamedTuple):
    """The right to refresh one connection for a while."""

    owner: str
    """A random name of this holder."""
    ttl: float
    """For how many seconds the store keeps others away, counted from when it was taken."""


@runtime_checkable
class TokenStore(Protocol):
    """A store of your own. Its methods may be `async`; prove it with `check`.

    Two promises carry everything. `save` and `delete` compare and swap: they change a record only if it still has the
    version that the writer has read, and otherwise raise `StoreError.conflict()`. `acquire` gives the right to
    refresh a connection to one owner at a time, for a limited time. Every method may be called at any time from any
    thread, also
    for the same key. Other exceptions mean that the store can't be reached.

    The methods of a store with `async` methods run on the event loop that the client is used on, and for a synchronous
    client on a loop of their own.
    """

    @property
    def identity(self) -> str:
        """A text that is equal for two objects exactly if they reach the same records. It holds no secret."""
        ...

    def load(self, key: ConnectionKey, /) -> StoredRecord | Awaitable[StoredRecord | None] | None:
        """Reads a record. None if there is none."""
        ...

    def save(self, key: ConnectionKey, record: Record, expected: int, /) -> int | Awaitable[int]:
        """Writes a record if the stored version still is `expected` (0: if there is none), and returns the new version,
        which is `expected + 1`. The write is durable when this returns.
        """
        ...

    def delete(self, key: ConnectionKey, expected: int, /) -> Awaitable[None] | None:
        """Removes a record if the stored version still is `expected`. Removing what does not exist is a conflict unless
        `expected` is 0.
        """
        ...

    def acquire(self, key: ConnectionKey, lease: Lease, /) -> bool | Awaitable[bool]:
        """Takes the lease of a key for its time, or returns False at once while another owner holds it."""
        ...

    def release(self, key: ConnectionKey, owner: str, /) -> Awaitable[None] | None:
        """Gives a lease back. A lease that has passed to another owner is left alone."""
        ...

    def list(self, query: ListQuery, /) -> Sequence[ListedRecord] | Awaitable[Sequence[ListedRecord]]:
        """Lists records of a namespace in the order of their ids."""
        ...


def check(store: Store | TokenStore) -> None:
    """Proves that a store keeps its contract, in a namespace of its own. Raises AssertionError, naming the promise that
    was broken.
    """
    broken = adapted(store).check().wait()
    if broken is not None:
        raise AssertionError(broken)


async def check_async(store: Store | TokenStore) -> None:
    """Like `check`, for a store whose methods run on the running event loop."""
    from ._loop import outcome

    native = adapted(store, asyncio.get_running_loop())
    broken = await outcome(native.check())
    if broken is not None:
        raise AssertionError(broken)


def open(text: str) -> Store:
    """Opens the store that a text names, for a setting of your program.

    `memory:`, `file:tokens`, `sqlite:tokens.db`, `postgres://user:password@host/database`, `redis://…`, `rediss://…`,
    `redis+unix:///…`, `keyring:tokens`; absolute paths as in `sqlite:///var/lib/app/tokens.db`. Any of them may have
    `key` in its query, which seals it: `key=env:NAME` for keys in an environment variable, `key=file:/path` for keys
    in a file, and `key=keyring:service/account` for keys in the keyring; the text never holds a key itself.

    Raises `StoreError`, code `store_refused`, for a text that names no store. The text, which may hold a password, is
    never shown.
    """
    return open_store(text)


def prepare(store: PostgresStore | RedisStore) -> None:
    """Reaches the server and makes what the store needs in it, such as its tables. For when a program is deployed or
    starts: otherwise the first call does it.

    Raises `StoreError` if the server can't be reached, or refuses.
    """
    store.prepare().wait()


async def prepare_async(store: PostgresStore | RedisStore) -> None:
    """Like `prepare`, to be awaited."""
    from ._loop import outcome

    await outcome(store.prepare())


class Rewrapped(NamedTuple):
    """What moving the records of a sealed store to another key came to."""

    moved: int
    """Records that were moved to the current key."""
    unchanged: int
    """Records that had nothing to be done for: sealed with the current key already, or deleted meanwhile."""
    failed: dict[str, StoreError]
    """Records that were left as they are, and why. The old keys are still needed while there are any."""


def rewrap_all(store: SealedStore, namespace: str) -> Rewrapped:
    """Moves every record of a namespace (`uk/CLIENT_ID`) to the current key. Writes the token store.

    May run while the records are in use: each is replaced by compare-and-swap, and one that another process writes to
    meanwhile is read again. A record that can't be opened is left alone and reported; the rest is moved.

    Raises `StoreError` if the store can't be reached. What has been moved stays moved: call it again.
    """
    return Rewrapped(**store.rewrap_all(namespace).wait())


async def rewrap_all_async(store: SealedStore, namespace: str) -> Rewrapped:
    """Like `rewrap_all`, to be awaited."""
    from ._loop import outcome

    return Rewrapped(**await outcome(store.rewrap_all(namespace)))


def adapted(store: Store | TokenStore, loop: asyncio.AbstractEventLoop | None = None) -> Store:
    """The store as the core takes it."""
    if isinstance(store, Store):
        return store
    if not _is_store(store):
        raise ConfigError.of(
            "store",
            'must be a store, such as orgconnect.SqliteStore("tokens.db"), or an object with the methods of '
            "orgconnect.stores.TokenStore; for a text that names a store, pass orgconnect.stores.open(text)",
        )
    return HostStore(store.identity, _Host(store, loop))


def _is_store(value: object) -> bool:
    return isinstance(value, TokenStore)


def adapted_for_loops(store: TokenStore) -> Store:
    """The store of an asynchronous client, whose `async` methods run on the loop that the client is made or used on."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    return adapted(store, loop)


class _Host:
    """Calls a store of the application's own, with its values for the core's."""

    def __init__(self, store: TokenStore, loop: asyncio.AbstractEventLoop | None) -> None:
        self._store = store
        self._loop = loop

    def __call__(self, method: str, arguments: tuple[Any, ...]) -> Any:
        return getattr(self, f"_{method}")(*arguments)

    def _load(self, namespace: str, connection: str) -> tuple[str, int, int | None] | None:
        found = self._wait(self._store.load(ConnectionKey(namespace, connection)))
        if found is None:
            return None
        record, version = found
        return record.payload, version, _to_ms(record.expires_at)

    def _save(self, namespace: str, connection: str, payload: str, expires_at: int | None, expected: int) -> int:
        record = Record(payload, _from_ms(expires_at))
        version: int = self._wait(self._store.save(ConnectionKey(namespace, connection), record, expected))
        return version

    def _delete(self, namespace: str, connection: str, expected: int) -> None:
        self._wait(self._store.delete(ConnectionKey(namespace, connection), expected))

    def _acquire(self, namespace: str, connection: str, owner: str, ttl: float) -> bool:
        taken: bool = self._wait(self._store.acquire(ConnectionKey(namespace, connection), Lease(owner, ttl)))
        return taken

    def _release(self, namespace: str, connection: str, owner: str) -> None:
        self._wait(self._store.release(ConnectionKey(namespace, connection), owner))

    def _list(
        self, namespace: str, expires_before: int | None, after: str | None, limit: int
    ) -> list[tuple[str, int, int | None]]:
        query = ListQuery(namespace, _from_ms(expires_before), after, limit)
        found: Sequence[ListedRecord] = self._wait(self._store.list(query))
        return [(connection, version, _to_ms(expires_at)) for connection, version, expires_at in found]

    def _wait(self, result: Any) -> Any:
        """Waits for what an `async` method returns. The core calls on a thread that may block."""
        if not inspect.isawaitable(result):
            return result
        loop = self._loop if self._loop is not None and self._loop.is_running() else _own_loop()
        return asyncio.run_coroutine_threadsafe(_await(result), loop).result()


async def _await(result: Awaitable[Any]) -> Any:
    return await result


_own: asyncio.AbstractEventLoop | None = None
_starting = threading.Lock()


def _own_loop() -> asyncio.AbstractEventLoop:
    """An event loop on a thread of its own, for stores with `async` methods under a synchronous client."""
    global _own
    with _starting:
        if _own is None or not _own.is_running():
            ready = threading.Event()
            loop = asyncio.new_event_loop()
            loop.call_soon(ready.set)
            threading.Thread(target=loop.run_forever, name="orgconnect-store", daemon=True).start()
            ready.wait()
            _own = loop
        return _own


def _to_ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _from_ms(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc)
