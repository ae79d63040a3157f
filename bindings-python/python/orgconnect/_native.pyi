"""The native module: takes Python values, calls the core, gives Python values back. It is not public."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from os import PathLike
from typing import Any, Generic, TypeVar, final

from typing_extensions import disjoint_base

_T = TypeVar("_T")

__all__ = [
    "VERSION",
    "Batch",
    "Client",
    "Connection",
    "EmbedTokens",
    "FileStore",
    "Handle",
    "HostStore",
    "Hub",
    "KeyringStore",
    "Keys",
    "ManualClock",
    "MemoryStore",
    "PendingAuthorization",
    "PostgresStore",
    "RedisStore",
    "Refresher",
    "ReplayGuard",
    "Reply",
    "Sandbox",
    "SealedStore",
    "SqliteStore",
    "Store",
    "Verifier",
    "Work",
    "after_fork_in_child",
    "after_fork_in_parent",
    "before_end",
    "before_fork",
    "open_store",
]

VERSION: str

@final
class Work(Generic[_T]):
    def wait(self) -> _T: ...

@final
class Hub:
    def __new__(cls, wake: Callable[[], object] | None = None) -> Hub: ...
    def fileno(self) -> int: ...
    def start(self, work: Work[_T], future: asyncio.Future[_T]) -> int: ...
    def cancel(self, number: int) -> None: ...
    def drain(self) -> None: ...

@final
class Client:
    def __new__(cls, client_id: str, client_secret: str, settings: dict[str, Any]) -> Client: ...
    def authorize(self, flow: str, redirect_uri: str, settings: dict[str, Any]) -> PendingAuthorization: ...
    def pending(self, text: str) -> PendingAuthorization: ...
    def complete(self, pending: PendingAuthorization, callback: str) -> Work[Connection]: ...
    def complete_delegated(
        self, code: str, callback_url: str, connection_id: str | None = None
    ) -> Work[Connection]: ...
    @property
    def namespace(self) -> str: ...
    def import_connection(self, id: str, refresh_token: str) -> Work[Connection]: ...
    def connection(self, id: str) -> Connection: ...
    def handle(self) -> Handle: ...
    def organization(self, id: str) -> Handle: ...
    def internal_organization(self) -> Handle: ...
    def account(self, id: str) -> Handle: ...
    def service_account(self, id: str) -> Handle: ...
    def admin(self, key: str) -> Handle: ...
    def application_calendar(self, application_calendar_id: str) -> Work[Handle]: ...
    def connections(self, after: str | None, limit: int) -> Work[list[dict[str, Any]]]: ...
    def revoke_sub(self, sub: str) -> Work[None]: ...
    def settle(self) -> Work[None]: ...
    def refresher(self, settings: dict[str, Any]) -> Refresher: ...
    def webhooks(self) -> Verifier: ...

@final
class PendingAuthorization:
    """An authorization that waits for its callback.

    Send the owner to `url`, and keep what `serialize` makes of it in the owner's session until the callback arrives.
    """

    @property
    def url(self) -> str:
        """Where to send the owner."""

    @property
    def flow(self) -> str:
        """Which flow it is: `organization`, `individual` or `enterprise`."""

    @property
    def payload(self) -> str | None:
        """The payload that rides along."""

    @property
    def expires_at(self) -> datetime:
        """When it is too late to complete."""

    def serialize(self) -> str:
        """One opaque text for the owner's session. It is signed, not encrypted."""

    def __copy__(self) -> PendingAuthorization: ...
    def __deepcopy__(self, memo: dict[Any, Any], /) -> PendingAuthorization: ...

@final
class Connection:
    @property
    def id(self) -> str: ...
    @property
    def payload(self) -> str | None: ...
    def organization(self) -> Handle: ...
    def account(self) -> Handle: ...
    def service_account(self) -> Handle: ...
    def summary(self) -> Work[dict[str, Any]]: ...
    def access_token(self) -> Work[str]: ...
    def refresh(self) -> Work[dict[str, Any]]: ...
    def revoke(self) -> Work[None]: ...

@final
class Handle:
    def send(self, operation: str, arguments: bytes) -> Work[Reply]: ...
    def follow(self, operation: str, next_page: str) -> Work[Reply]: ...
    def request(self, method: str, path: str, query: list[tuple[str, str]], body: bytes | None) -> Work[Reply]: ...
    def with_options(self, timeout: float | timedelta | None, attempts: int | None, extra: bytes | None) -> Handle: ...
    @property
    def sub(self) -> str | None: ...
    def impersonate(self, sub: str) -> Handle: ...
    def impersonate_email(self, email: str) -> Work[Handle]: ...
    def send_batch(self, batch: Batch) -> Work[list[tuple[bytes | None, Any]]]: ...

@final
class Reply:
    @property
    def status(self) -> int: ...
    @property
    def request_id(self) -> str | None: ...
    @property
    def next_page(self) -> str | None: ...
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> dict[str, str]: ...

@final
class Batch:
    def __new__(cls) -> Batch: ...
    def add(self, operation: str, arguments: bytes) -> None: ...
    def __len__(self) -> int: ...

@disjoint_base
class Store:
    """A place that keeps tokens."""

    @property
    def identity(self) -> str:
        """What it reaches: a path, an address. It holds no secret."""

    @property
    def is_encrypted(self) -> bool:
        """Whether what is kept is encrypted before it leaves this process."""

    def check(self) -> Work[str | None]: ...

@final
class MemoryStore(Store):
    """Keeps tokens in the memory of this process, for tests and trials: they are lost when it ends."""

    def __new__(cls) -> MemoryStore: ...

@final
class FileStore(Store):
    """Keeps tokens in files of a directory of its own (made with mode 0700), for many processes of one machine.

    Raises `StoreError`, code `store_refused`, if others may read the directory or if it is a symbolic link.
    """

    def __new__(cls, directory: str | PathLike[str]) -> FileStore: ...

@final
class SqliteStore(Store):
    """Keeps tokens in a SQLite database (made with mode 0600), for many processes of one machine.

    Raises `StoreError`, code `store_refused`, if others may read the file, if it is a link, or if another program's
    tables are in it; `store_unreadable` if it is damaged or was written by a newer version.
    """

    def __new__(cls, path: str | PathLike[str]) -> SqliteStore: ...

@final
class KeyringStore(Store):
    """Keeps tokens in files that are sealed with a key in the operating system's keyring: for many processes of one
    user on one machine; a server has no keyring.

    Raises `StoreError`, code `store_refused`, if there is no keyring, or it has no key although the directory holds
    records.
    """

    def __new__(cls, directory: str | PathLike[str]) -> KeyringStore: ...

@final
class PostgresStore(Store):
    """Keeps tokens in PostgreSQL, for any number of machines.

    The URL is like `postgres://user:password@host:5432/database`. No I/O: the server is reached when the store is first
    used, or by `stores.prepare`. Raises `StoreError`, code `store_refused`, naming what is wrong with the URL, which
    itself is never shown.
    """

    def __new__(cls, url: str) -> PostgresStore: ...
    def prepare(self) -> Work[None]: ...

@final
class RedisStore(Store):
    """Keeps tokens in Redis or Valkey, for any number of machines.

    The URL is like `rediss://user:password@host:6379/0`. No I/O: the server is reached when the store is first used,
    or by `stores.prepare`. Raises `StoreError`, code `store_refused`, naming what is wrong with the URL, which itself
    is never shown.
    """

    def __new__(cls, url: str) -> RedisStore: ...
    def prepare(self) -> Work[None]: ...

@final
class HostStore(Store):
    def __new__(cls, identity: str, call: Callable[[str, tuple[Any, ...]], Any]) -> HostStore: ...

@final
class Keys:
    """The keys of a sealed store: one to write with, and older ones that are still read."""

    @staticmethod
    def generate() -> str:
        """A new key, as text. Make it once, and keep it where your other secrets are."""

    @staticmethod
    def from_base64(text: str) -> Keys:
        """Reads a key from what `generate` made."""

    @staticmethod
    def from_environment(variable: str) -> Keys:
        """Reads keys from an environment variable, the current one first."""

    @staticmethod
    def from_file(path: str | PathLike[str]) -> Keys:
        """Reads keys from a file that nobody else may read, the current one first."""

    @staticmethod
    def from_keyring(service: str, account: str) -> Keys:
        """Reads keys from an entry of the operating system's keyring."""

    def with_older(self, older: Keys) -> Keys:
        """These keys, and older ones that are still read."""

    @property
    def current_id(self) -> str:
        """The id of the key that is written with."""

@final
class SealedStore(Store):
    """Encrypts what another store keeps.

    Records in clear text are refused, never passed through, unless `allow_clear_text_reads` is set: meant for the
    time of moving, since whoever can write to the store can then put a record of their own in place of a sealed one.
    """

    def __new__(cls, store: Store, keys: Keys, *, allow_clear_text_reads: bool = False) -> SealedStore: ...
    def replace_keys(self, keys: Keys) -> None:
        """Uses other keys from now on. Calls that have begun finish with the ones before."""

    def rewrap_all(self, namespace: str) -> Work[dict[str, Any]]: ...

@final
class ManualClock:
    """A clock that moves only when told to, for tests."""

    def __new__(cls, now: datetime) -> ManualClock: ...
    def now(self) -> datetime:
        """The time now."""

    def advance(self, by: float | timedelta) -> None:
        """Moves the clock on, by seconds or a timedelta."""

@final
class Refresher:
    def start(self) -> None: ...
    def stats(self) -> dict[str, int]: ...
    def stop(self) -> Work[dict[str, int]]: ...
    def run_once(self) -> Work[dict[str, int]]: ...

@final
class Verifier:
    def __new__(cls, client_secret: str) -> Verifier: ...
    def or_secret(self, client_secret: str) -> Verifier: ...
    def verify(self, signature: str, body: bytes) -> bool: ...
    def receive(self, signature: str, body: bytes) -> tuple[str, bytes]: ...

@final
class ReplayGuard:
    def __new__(cls, window: float | timedelta, capacity: int) -> ReplayGuard: ...
    def first_time(self, body: bytes) -> bool: ...
    def forget(self, body: bytes) -> None: ...

@final
class EmbedTokens:
    def __new__(cls, public_key: str, secret: str, lifetime: float | timedelta | None = None) -> EmbedTokens: ...
    def sign(self, claims: bytes) -> str: ...

@final
class Sandbox:
    def __new__(
        cls,
        *,
        seed: int | None = None,
        auto_approve: bool = False,
        data: str | PathLike[str] | None = None,
        time: datetime | None = None,
        port: int = 0,
    ) -> Sandbox: ...
    @property
    def url(self) -> str: ...
    def stop(self) -> None: ...

def open_store(text: str) -> Store: ...
def before_end() -> None: ...
def before_fork() -> None: ...
def after_fork_in_parent() -> None: ...
def after_fork_in_child() -> None: ...
