"""The handles: what calls are made on. What they offer is generated; what they do is here."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from ._batch import Batch, Verdict, entries, verdicts
from ._calls import Caller, Reply, SyncCaller, encode, mapping
from ._errors import InvalidError
from ._loops import AsyncCaller, loop_caller, outcome
from ._native import Handle as NativeHandle
from ._native import Reply as NativeReply
from ._native import Work
from ._options import Seconds, call_options
from .api._handles import (
    AccountAreas,
    AsyncAccountAreas,
    AsyncClientAreas,
    AsyncOrganizationAreas,
    AsyncServiceAccountAreas,
    ClientAreas,
    OrganizationAreas,
    ServiceAccountAreas,
)

if TYPE_CHECKING:
    from typing_extensions import Self

SelfT = TypeVar("SelfT", bound="_Handle")
Query = Mapping[str, "str | int | float | bool | list[str] | tuple[str, ...]"]


class _Handle:
    """What all handles can do. No I/O."""

    _native: NativeHandle

    def with_options(
        self, *, timeout: Seconds | None = None, retries: int | None = None, extra: dict[str, Any] | None = None
    ) -> Self:
        """The same handle with other options for its calls. A cheap view.

        `timeout`: the time for a whole call, repetitions included: at most an hour. Default: the client's.

        `retries`: how often a call is sent again at the most; 0 switches repeating off. Default: the client's.

        `extra`: fields that are added to the body (or, for a `GET`, to the query) without being checked: for what
        Cronofy takes and this version doesn't know.
        """
        attempts, fields = call_options(retries, extra)
        return self._view(self._native.with_options(timeout, attempts, fields))

    def _view(self, native: NativeHandle) -> Self:
        return type(self)(native)  # type: ignore[call-arg]

    def _send(self, operation: str, arguments: Mapping[str, Any] | None) -> Work[NativeReply]:
        return self._native.send(operation, b"" if arguments is None else encode(mapping("arguments", arguments)))

    def _request(self, method: str, path: str, query: Query | None, body: Any) -> Work[NativeReply]:
        return self._native.request(method, path, _pairs(query), None if body is None else encode(body))


class SyncHandle(_Handle):
    """What all handles can do, on this thread."""

    def send(self, operation: str, arguments: Mapping[str, Any] | None = None) -> Reply[Any]:
        """Calls an operation by its name, with arguments by their wire names.

        Raises `InvalidError`, before any I/O, for an unknown operation, for one that needs another credential, and for
        arguments that are missing, unknown or of the wrong shape.
        """
        return Reply(self._send(operation, arguments).wait())

    def request(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Reply[Any]:
        """Calls a path below `/v1/` that this version doesn't know. A `GET`, `PUT` or `DELETE` may be repeated,
        anything else only if it surely never arrived.
        """
        return Reply(self._request(method, path, query, body).wait())

    def follow(self, operation: str, next_page: str) -> Reply[Any]:
        """Follows the link to the next page that an earlier reply of `operation` held.

        Raises `InvalidError`, naming `next_page`, if the link leads anywhere but to Cronofy's API: credentials never
        follow it.
        """
        return Reply(self._native.follow(operation, next_page).wait())


class AsyncHandle(_Handle):
    """What all handles can do, on the running event loop."""

    async def send(self, operation: str, arguments: Mapping[str, Any] | None = None) -> Reply[Any]:
        """Calls an operation by its name, with arguments by their wire names.

        Raises `InvalidError`, before any I/O, for an unknown operation, for one that needs another credential, and for
        arguments that are missing, unknown or of the wrong shape.
        """
        return Reply(await outcome(self._send(operation, arguments)))

    async def request(self, method: str, path: str, *, query: Query | None = None, body: Any = None) -> Reply[Any]:
        """Calls a path below `/v1/` that this version doesn't know. A `GET`, `PUT` or `DELETE` may be repeated,
        anything else only if it surely never arrived.
        """
        return Reply(await outcome(self._request(method, path, query, body)))

    async def follow(self, operation: str, next_page: str) -> Reply[Any]:
        """Follows the link to the next page that an earlier reply of `operation` held.

        Raises `InvalidError`, naming `next_page`, if the link leads anywhere but to Cronofy's API: credentials never
        follow it.
        """
        return Reply(await outcome(self._native.follow(operation, next_page)))


class Organization(SyncHandle, OrganizationAreas):
    """An organization: its members and resources, its scheduling requests, and anyone in it through `impersonate`."""

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: Caller = SyncCaller(native)

    @overload
    def impersonate(self, sub: str, /) -> Account: ...
    @overload
    def impersonate(self, /, *, email: str) -> Account: ...
    def impersonate(self, sub: str | None = None, /, *, email: str | None = None) -> Account:
        """Acts as a member.

        By `sub`, without I/O: whether there is such a member is Cronofy's to say at the first call. By e-mail address,
        which is looked up in the member list (all of its pages, kept for a minute).

        Raises `InvalidError`, naming `sub`, for a text that no `sub` can be; `NotFoundError` if no member has the
        address, and `InvalidError` if several have, both naming `email`.
        """
        if email is not None and sub is None:
            return Account(self._native.impersonate_email(email).wait())
        return Account(self._native.impersonate(_one(sub, email)))

    def __repr__(self) -> str:
        return "<Organization>"


class AsyncOrganization(AsyncHandle, AsyncOrganizationAreas):
    """An organization: its members and resources, its scheduling requests, and anyone in it through `impersonate`."""

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: AsyncCaller = loop_caller(native)

    @overload
    def impersonate(self, sub: str, /) -> AsyncAccount: ...
    @overload
    def impersonate(self, /, *, email: str) -> Coroutine[Any, Any, AsyncAccount]: ...
    def impersonate(
        self, sub: str | None = None, /, *, email: str | None = None
    ) -> AsyncAccount | Coroutine[Any, Any, AsyncAccount]:
        """Acts as a member.

        By `sub`, without I/O: whether there is such a member is Cronofy's to say at the first call. By e-mail
        address, to be awaited: it is looked up in the member list (all of its pages, kept for a minute).

        Raises `InvalidError`, naming `sub`, for a text that no `sub` can be; `NotFoundError` if no member has the
        address, and `InvalidError` if several have, both naming `email`.
        """
        if email is not None and sub is None:
            return self._look_up(email)
        return AsyncAccount(self._native.impersonate(_one(sub, email)))

    async def _look_up(self, email: str) -> AsyncAccount:
        return AsyncAccount(await outcome(self._native.impersonate_email(email)))

    def __repr__(self) -> str:
        return "<AsyncOrganization>"


class Account(SyncHandle, AccountAreas):
    """One user: a member of an organization, by `Organization.impersonate`, or the account of a connection of its own.

    A cheap view: keep it, or make a new one for each call.
    """

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: Caller = SyncCaller(native)

    @property
    def sub(self) -> str | None:
        """The `sub` that calls are made as, for a member who is impersonated."""
        return self._native.sub

    def send_batch(self, batch: Batch) -> list[Verdict]:
        """Sends a batch, and returns the verdict on each entry in the order in which they were added.

        Raises what keeps the batch as a whole from being carried out; the verdicts then don't exist.
        """
        return verdicts(self._native.send_batch(entries(batch)).wait())

    def __repr__(self) -> str:
        return f"<Account {self.sub}>" if self.sub else "<Account>"


class AsyncAccount(AsyncHandle, AsyncAccountAreas):
    """One user: a member of an organization, by `AsyncOrganization.impersonate`, or the account of a connection of
    its own.

    A cheap view: keep it, or make a new one for each call.
    """

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: AsyncCaller = loop_caller(native)

    @property
    def sub(self) -> str | None:
        """The `sub` that calls are made as, for a member who is impersonated."""
        return self._native.sub

    async def send_batch(self, batch: Batch) -> list[Verdict]:
        """Sends a batch, and returns the verdict on each entry in the order in which they were added.

        Raises what keeps the batch as a whole from being carried out; the verdicts then don't exist.
        """
        return verdicts(await outcome(self._native.send_batch(entries(batch))))

    def __repr__(self) -> str:
        return f"<AsyncAccount {self.sub}>" if self.sub else "<AsyncAccount>"


class ServiceAccount(SyncHandle, ServiceAccountAreas):
    """The service account of a connection of Enterprise Connect."""

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: Caller = SyncCaller(native)

    def __repr__(self) -> str:
        return "<ServiceAccount>"


class AsyncServiceAccount(AsyncHandle, AsyncServiceAccountAreas):
    """The service account of a connection of Enterprise Connect."""

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: AsyncCaller = loop_caller(native)

    def __repr__(self) -> str:
        return "<AsyncServiceAccount>"


class Admin(SyncHandle, ClientAreas):
    """The client with an Admin API key as its credential, for provisioning applications."""

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: Caller = SyncCaller(native)

    def __repr__(self) -> str:
        return "<Admin>"


class AsyncAdmin(AsyncHandle, AsyncClientAreas):
    """The client with an Admin API key as its credential, for provisioning applications."""

    def __init__(self, native: NativeHandle) -> None:
        self._native = native
        self._caller: AsyncCaller = loop_caller(native)

    def __repr__(self) -> str:
        return "<AsyncAdmin>"


def _one(sub: str | None, email: str | None) -> str:
    if sub is None:
        raise TypeError("impersonate takes a sub, or email=")
    if email is not None:
        raise InvalidError.of("email", "is given beside a sub; leave one of them out")
    return sub


def _pairs(query: Query | None) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in mapping("query", query or {}).items():
        values = value if isinstance(value, list | tuple) else [value]
        for one in values:
            pairs.append((name, one if isinstance(one, str) else msgspec.json.encode(one).decode()))
    return pairs
