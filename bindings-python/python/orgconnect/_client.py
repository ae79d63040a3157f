"""The client: one application at one Cronofy, its settings, its store and its pool of connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ._calls import Caller, SyncCaller
from ._connection import AsyncConnection, Connection, ConnectionSummary, summary_of
from ._errors import InvalidError
from ._handles import (
    Account,
    Admin,
    AsyncAccount,
    AsyncAdmin,
    AsyncHandle,
    AsyncOrganization,
    AsyncServiceAccount,
    Organization,
    ServiceAccount,
    SyncHandle,
)
from ._loops import AsyncCaller, loop_caller, outcome
from ._native import Client as NativeClient
from ._native import Handle as NativeHandle
from ._native import ManualClock, PendingAuthorization, Store
from ._options import DataCenter, RateLimit, RetryPolicy, Seconds
from ._refresher import AsyncRefresher, Refresher
from ._types import Secret
from .api._handles import AsyncClientAreas, ClientAreas
from .webhooks import Verifier

if TYPE_CHECKING:
    from typing_extensions import Self

    from .stores import TokenStore

SelfT = TypeVar("SelfT", bound="_Client")


class _Client:
    """What both clients can do without I/O."""

    _client: NativeClient
    _native: NativeHandle

    def __init__(
        self,
        client_id: str,
        client_secret: str | Secret,
        *,
        data_center: DataCenter | str | None = None,
        base_url: str | None = None,
        store: Store | TokenStore | None = None,
        require_encryption: bool = False,
        timeout: Seconds | None = None,
        connect_timeout: Seconds | None = None,
        token_timeout: Seconds | None = None,
        store_timeout: Seconds | None = None,
        retry: RetryPolicy | None = None,
        rate_limit: RateLimit | None = None,
        max_response_bytes: int | None = None,
        proxy: str | None = None,
        extra_ca_certificates: Iterable[bytes | str] = (),
        user_agent_suffix: str | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        """Checks the settings and makes the client. No I/O but reading certificates and opening the store.

        Takes the application's credentials from Cronofy's dashboard.

        `data_center`: the data center in which the application lives: `us`, `de`, `uk`, `au`, `ca` or `sg`. Default
        `us`.

        `base_url`: a sandbox or a gateway in place of a data center: an https origin, or http on loopback.

        `store`: where tokens are kept. Default: in the memory of this process.

        `require_encryption`: refuses a store that keeps tokens in clear text.

        `timeout`: the time for a whole call, repetitions included. Default 30 s.

        `connect_timeout`: the time to make a connection. Default 5 s.

        `token_timeout`: the time for a token request, repetitions included: at most 2 minutes. Default 20 s.

        `store_timeout`: the time for a call to the store: at most 2 minutes. Default 15 s.

        `retry`: how calls are repeated.

        `rate_limit`: holds requests back to a rate, for example `RateLimit()`. Default: no limit but what a 429 asks
        for.

        `max_response_bytes`: the largest answer that is accepted, after decompression. Default 32 MiB.

        `proxy`: the proxy for every request. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.

        `extra_ca_certificates`: certificate authorities, in PEM form, to trust beside the operating system's.

        `user_agent_suffix`: the name and version of your application, for the `User-Agent`: `clinic/2.1`.

        `clock`: the clock by which tokens expire. Default: the system's.

        Raises `ConfigError`, naming the setting.
        """
        settings: dict[str, Any] = {
            "data_center": data_center,
            "base_url": base_url,
            "store": None if store is None else self._adapted(store),
            "require_encryption": require_encryption,
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "token_timeout": token_timeout,
            "store_timeout": store_timeout,
            "retry": retry,
            "rate_limit": rate_limit,
            "max_response_bytes": max_response_bytes,
            "proxy": proxy,
            "extra_ca_certificates": (
                [extra_ca_certificates] if isinstance(extra_ca_certificates, (str, bytes)) else extra_ca_certificates
            ),
            "user_agent_suffix": user_agent_suffix,
            "clock": clock,
        }
        secret = client_secret.expose() if isinstance(client_secret, Secret) else client_secret
        self._use(NativeClient(client_id, secret, settings))

    def _use(self, client: NativeClient, native: NativeHandle | None = None) -> None:
        self._client = client
        self._native = client.handle() if native is None else native

    def _view(self, native: NativeHandle) -> Self:
        view = type(self).__new__(type(self))
        view._use(self._client, native)
        return view

    def _adapted(self, store: Store | TokenStore) -> Store:
        if isinstance(store, Store):
            return store
        from .stores import adapted

        return adapted(store)

    def authorize(
        self,
        redirect_uri: str,
        *,
        locale: str | None = None,
        payload: str | None = None,
        state: str | None = None,
        connection_id: str | None = None,
        lifetime: Seconds | None = None,
        avoid_linking: bool | None = None,
        provider_name: str | None = None,
        link_token: str | Secret | None = None,
        delegated_scopes: Sequence[str] | None = None,
    ) -> PendingAuthorization:
        """Builds the URL to send an owner of an organization to, and the value that the callback is checked against.
        No I/O.

        `redirect_uri`: where the owner comes back with a code: http or https.

        `locale`: the display language of the pages, for example `de`. Default: the browser's.

        `payload`: text that rides along, in the state unless that is your own, and is handed back by `complete`. It
        can be read by whoever sees the URL, so it must not be secret; it can't be changed unnoticed. At most 1,024
        octets.

        `state`: used in place of a random one: 22 to 512 visible ASCII characters, unguessable, never used before.

        `connection_id`: names the connection in the token store, for example after a tenant. Default: the `sub` of
        the grant.

        `lifetime`: how long the owner has to approve: at most 24 hours. Default 10 minutes.

        `avoid_linking`: keeps the new calendar account apart from one that the same browser has connected before.

        `provider_name`: selects the calendar provider beforehand: `google`, `office365`, `apple`, …; `cronofy` for no
        calendar access.

        `link_token`: links the calendar account to an existing Cronofy account, by a token from `link_tokens.create`.

        `delegated_scopes`: scopes that may later be granted to users or resources.
        """
        return self._authorize("organization", redirect_uri, **_without(locals()))

    def authorize_individual(
        self,
        redirect_uri: str,
        scopes: Sequence[str],
        *,
        locale: str | None = None,
        payload: str | None = None,
        state: str | None = None,
        connection_id: str | None = None,
        lifetime: Seconds | None = None,
        avoid_linking: bool | None = None,
        provider_name: str | None = None,
        link_token: str | Secret | None = None,
        delegated_scopes: Sequence[str] | None = None,
    ) -> PendingAuthorization:
        """Individual Connect: like `authorize`, for one account, with its scopes: `read_events`, `create_event`, …"""
        return self._authorize("individual", redirect_uri, **_without(locals()))

    def authorize_enterprise(
        self,
        redirect_uri: str,
        scopes: Sequence[str],
        delegated_scopes: Sequence[str],
        *,
        locale: str | None = None,
        payload: str | None = None,
        state: str | None = None,
        connection_id: str | None = None,
        lifetime: Seconds | None = None,
        avoid_linking: bool | None = None,
        provider_name: str | None = None,
        link_token: str | Secret | None = None,
    ) -> PendingAuthorization:
        """Enterprise Connect: like `authorize`, with the scopes of the service account and those that it may later
        delegate.
        """
        return self._authorize("enterprise", redirect_uri, **_without(locals()))

    def _authorize(self, flow: str, redirect_uri: str, **settings: Any) -> PendingAuthorization:
        for name in ("scopes", "delegated_scopes"):
            if isinstance(settings.get(name), str):
                settings[name] = settings[name].split()
        link_token = settings.get("link_token")
        if isinstance(link_token, Secret):
            settings["link_token"] = link_token.expose()
        return self._client.authorize(flow, redirect_uri, settings)

    def pending(self, text: str) -> PendingAuthorization:
        """Reads a pending authorization back from the owner's session.

        Raises `AuthorizationError`, code `pending_invalid`, if it is not one that this application made.
        """
        return self._client.pending(text)

    def _pending(self, pending: PendingAuthorization | str) -> PendingAuthorization:
        given: Any = pending
        if isinstance(given, str):
            return self._client.pending(given)
        if not isinstance(given, PendingAuthorization):
            why = f"must be a PendingAuthorization or what serialize() made of one, and is {type(given).__name__}"
            raise InvalidError.of(
                "pending", f"{why}; if the owner's session is gone, send the owner to authorize again"
            )
        return given

    @property
    def webhooks(self) -> Verifier:
        """Checks the signatures of what Cronofy posts to this application, and reads it."""
        return Verifier(self._client.webhooks())

    @property
    def namespace(self) -> str:
        """The namespace of this application's records in the store: data center (or base URL) and client id."""
        return self._client.namespace

    def __repr__(self) -> str:
        place, _, client_id = self.namespace.rpartition("/")
        return f"<{type(self).__name__} {client_id} at {place}>"


class Client(_Client, SyncHandle, ClientAreas):
    """An application, ready to authorize and to call.

    It may be shared by threads, and be made before a process forks. As a context manager it waits, in the end, for what
    goes on in the background.

    ```python
    store = orgconnect.SqliteStore("tokens.db")
    client = orgconnect.Client("CLIENT_ID", "CLIENT_SECRET", data_center="uk", store=store)
    pending = client.authorize("https://app.example/callback")
    connection = client.complete(pending, callback_url)
    for member in connection.organization.members.list():
        print(member.email)
    ```
    """

    def _use(self, client: NativeClient, native: NativeHandle | None = None) -> None:
        super()._use(client, native)
        self._caller: Caller = SyncCaller(self._native)

    def complete(self, pending: PendingAuthorization | str, callback: str) -> Connection:
        """Completes an authorization: checks the callback, exchanges the code, stores the tokens. Writes the token
        store.

        It goes on to its end even if the caller goes away: a code that was spent is not lost.

        `pending`: the pending authorization, or its text from the owner's session.

        `callback`: the full URL, or its query string, as the browser brought it. Nothing is sent unless the state is
        that of the pending authorization, unexpired and unused.

        Raises `AuthorizationError` if the owner denied it (code `access_denied`), if the callback doesn't belong to the
        pending authorization, or if Cronofy doesn't accept the code.
        """
        return Connection(self._client.complete(self._pending(pending), callback).wait())

    def complete_delegated(
        self, code: str | Secret, callback_url: str, *, connection_id: str | None = None
    ) -> Connection:
        """Exchanges the code that came to the `callback_url` of a delegated authorization (Enterprise Connect, Business
        Connect). Writes the token store. `connection_id` defaults to the `sub` of the grant.
        """
        code = code.expose() if isinstance(code, Secret) else code
        return Connection(self._client.complete_delegated(code, callback_url, connection_id).wait())

    def import_connection(self, connection_id: str, refresh_token: str | Secret) -> Connection:
        """Takes over a refresh token that was obtained elsewhere, by another SDK of the same application, under an
        id of your choice: it is stored, and refreshed at once. Writes the token store.

        From then on it is kept here alone: Cronofy may change a refresh token when it is used, so whatever used it
        before must stop. Call it again with the same arguments if the error is transient: the refresh token is kept
        until it works.

        Raises `InvalidError`, code `connection_exists`, if the id is in use, and `AuthorizationError` if Cronofy does
        not accept the refresh token.
        """
        token = refresh_token.expose() if isinstance(refresh_token, Secret) else refresh_token
        return Connection(self._client.import_connection(connection_id, token).wait())

    def refresher(
        self,
        *,
        ahead: Seconds | None = None,
        hot_for: Seconds | None = None,
        interval: Seconds | None = None,
        concurrency: int | None = None,
    ) -> Refresher:
        """Refreshes connections before they end, in the background or once.

        `ahead`: how long before its end a token is refreshed. Default 10 minutes; never in the first three quarters
        of its life.

        `hot_for`: how long after its last use a connection is kept fresh. Default 7 days.

        `interval`: the pause between two rounds, give or take a half. Default 15 s.

        `concurrency`: how many refreshes are under way at once. Default 16.
        """
        settings = {"ahead": ahead, "hot_for": hot_for, "interval": interval, "concurrency": concurrency}
        return Refresher(self._client.refresher(settings))

    def connection(self, id: str) -> Connection:
        """A connection by its id. No I/O: whether it exists is found out when it is used."""
        return Connection(self._client.connection(id))

    def organization(self, id: str) -> Organization:
        """The organization of a connection of Organization Connect. No I/O."""
        return Organization(self._client.organization(id))

    def internal_organization(self) -> Organization:
        """The organization of an Internal Application: the `client_secret` is its bearer, and there is nothing to
        connect.
        """
        return Organization(self._client.internal_organization())

    def account(self, id: str) -> Account:
        """The account of a connection of Individual Connect, of a delegated authorization, or an application
        calendar. No I/O.
        """
        return Account(self._client.account(id))

    def service_account(self, id: str) -> ServiceAccount:
        """The service account of a connection of Enterprise Connect. No I/O."""
        return ServiceAccount(self._client.service_account(id))

    def admin(self, key: str | Secret) -> Admin:
        """The client with an Admin API key as its credential, for provisioning applications."""
        return Admin(self._client.admin(key.expose() if isinstance(key, Secret) else key))

    def application_calendar(self, application_calendar_id: str) -> Account:
        """Opens the application calendar with this id of your own, which Cronofy creates at the first call. Writes the
        token store, under the `sub` of the calendar.
        """
        return Account(self._client.application_calendar(application_calendar_id).wait())

    def connections(self, *, after: str | None = None, limit: int = 100) -> list[ConnectionSummary]:
        """Lists stored connections in the order of their ids, at most `limit`, beginning after `after`. Reads the token
        store only. One whose record can't be read is listed as `unreadable`. A page may be short; only an empty one is
        the end.
        """
        return [summary_of(parts) for parts in self._client.connections(after, limit).wait()]

    def revoke_sub(self, sub: str) -> None:
        """Revokes whatever a `sub` granted to this application: that of an account, a service account or an
        organization. Tokens in the store are left as they are: Cronofy refuses them from then on.
        """
        self._client.revoke_sub(sub).wait()

    def settle(self) -> None:
        """Waits for refreshes that are under way in the background, and for tokens that could not be saved yet.
        Writes the token store.

        Call it before a short-lived program ends: a refresh that is cut off between Cronofy's answer and the store may
        cost the connection.

        Raises `StoreError` if tokens still can't be saved; they are lost if the process ends now.
        """
        self._client.settle().wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.settle()


class AsyncClient(_Client, AsyncHandle, AsyncClientAreas):
    """An application, ready to authorize and to call, for asyncio.

    It may be used on several event loops, and be made before there is one. As a context manager it waits, in the end,
    for what goes on in the background. Cancelling a call never loses a token.

        async with orgconnect.AsyncClient("CLIENT_ID", "CLIENT_SECRET", data_center="uk") as client:
            connection = await client.complete(session["pending"], callback_url)
            async for member in connection.organization.members.list(): ...
    """

    def _use(self, client: NativeClient, native: NativeHandle | None = None) -> None:
        super()._use(client, native)
        self._caller: AsyncCaller = loop_caller(self._native)

    def _adapted(self, store: Store | TokenStore) -> Store:
        if isinstance(store, Store):
            return store
        from .stores import adapted_for_loops

        return adapted_for_loops(store)

    async def complete(self, pending: PendingAuthorization | str, callback: str) -> AsyncConnection:
        """Completes an authorization: checks the callback, exchanges the code, stores the tokens. Writes the token
        store.

        It goes on to its end even if the caller goes away: a code that was spent is not lost.

        `pending`: the pending authorization, or its text from the owner's session.

        `callback`: the full URL, or its query string, as the browser brought it. Nothing is sent unless the state is
        that of the pending authorization, unexpired and unused.

        Raises `AuthorizationError` if the owner denied it (code `access_denied`), if the callback doesn't belong to the
        pending authorization, or if Cronofy doesn't accept the code.
        """
        return AsyncConnection(await outcome(self._client.complete(self._pending(pending), callback)))

    async def complete_delegated(
        self, code: str | Secret, callback_url: str, *, connection_id: str | None = None
    ) -> AsyncConnection:
        """Exchanges the code that came to the `callback_url` of a delegated authorization (Enterprise Connect, Business
        Connect). Writes the token store. `connection_id` defaults to the `sub` of the grant.
        """
        code = code.expose() if isinstance(code, Secret) else code
        work = self._client.complete_delegated(code, callback_url, connection_id)
        return AsyncConnection(await outcome(work))

    async def import_connection(self, connection_id: str, refresh_token: str | Secret) -> AsyncConnection:
        """Takes over a refresh token that was obtained elsewhere, by another SDK of the same application, under an
        id of your choice: it is stored, and refreshed at once. Writes the token store.

        From then on it is kept here alone: Cronofy may change a refresh token when it is used, so whatever used it
        before must stop. Call it again with the same arguments if the error is transient: the refresh token is kept
        until it works.

        Raises `InvalidError`, code `connection_exists`, if the id is in use, and `AuthorizationError` if Cronofy does
        not accept the refresh token.
        """
        token = refresh_token.expose() if isinstance(refresh_token, Secret) else refresh_token
        return AsyncConnection(await outcome(self._client.import_connection(connection_id, token)))

    def refresher(
        self,
        *,
        ahead: Seconds | None = None,
        hot_for: Seconds | None = None,
        interval: Seconds | None = None,
        concurrency: int | None = None,
    ) -> AsyncRefresher:
        """Refreshes connections before they end, in the background or once.

        `ahead`: how long before its end a token is refreshed. Default 10 minutes; never in the first three quarters
        of its life.

        `hot_for`: how long after its last use a connection is kept fresh. Default 7 days.

        `interval`: the pause between two rounds, give or take a half. Default 15 s.

        `concurrency`: how many refreshes are under way at once. Default 16.
        """
        settings = {"ahead": ahead, "hot_for": hot_for, "interval": interval, "concurrency": concurrency}
        return AsyncRefresher(self._client.refresher(settings))

    def connection(self, id: str) -> AsyncConnection:
        """A connection by its id. No I/O: whether it exists is found out when it is used."""
        return AsyncConnection(self._client.connection(id))

    def organization(self, id: str) -> AsyncOrganization:
        """The organization of a connection of Organization Connect. No I/O."""
        return AsyncOrganization(self._client.organization(id))

    def internal_organization(self) -> AsyncOrganization:
        """The organization of an Internal Application: the `client_secret` is its bearer, and there is nothing to
        connect.
        """
        return AsyncOrganization(self._client.internal_organization())

    def account(self, id: str) -> AsyncAccount:
        """The account of a connection of Individual Connect, of a delegated authorization, or an application
        calendar. No I/O.
        """
        return AsyncAccount(self._client.account(id))

    def service_account(self, id: str) -> AsyncServiceAccount:
        """The service account of a connection of Enterprise Connect. No I/O."""
        return AsyncServiceAccount(self._client.service_account(id))

    def admin(self, key: str | Secret) -> AsyncAdmin:
        """The client with an Admin API key as its credential, for provisioning applications."""
        return AsyncAdmin(self._client.admin(key.expose() if isinstance(key, Secret) else key))

    async def application_calendar(self, application_calendar_id: str) -> AsyncAccount:
        """Opens the application calendar with this id of your own, which Cronofy creates at the first call. Writes the
        token store, under the `sub` of the calendar.
        """
        return AsyncAccount(await outcome(self._client.application_calendar(application_calendar_id)))

    async def connections(self, *, after: str | None = None, limit: int = 100) -> list[ConnectionSummary]:
        """Lists stored connections in the order of their ids, at most `limit`, beginning after `after`. Reads the token
        store only. One whose record can't be read is listed as `unreadable`. A page may be short; only an empty one is
        the end.
        """
        return [summary_of(parts) for parts in await outcome(self._client.connections(after, limit))]

    async def revoke_sub(self, sub: str) -> None:
        """Revokes whatever a `sub` granted to this application: that of an account, a service account or an
        organization. Tokens in the store are left as they are: Cronofy refuses them from then on.
        """
        await outcome(self._client.revoke_sub(sub))

    async def settle(self) -> None:
        """Waits for refreshes that are under way in the background, and for tokens that could not be saved yet.
        Writes the token store.

        Call it before a short-lived program ends: a refresh that is cut off between Cronofy's answer and the store may
        cost the connection.

        Raises `StoreError` if tokens still can't be saved; they are lost if the process ends now.
        """
        await outcome(self._client.settle())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.settle()


def _without(arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings among the arguments of an `authorize`."""
    return {name: value for name, value in arguments.items() if name not in ("self", "redirect_uri")}
