"""Organization Connect in a Starlette or FastAPI application: the routes that connect a tenant, the organization of
whoever asks, and webhooks.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .._client import AsyncClient
from .._connection import AsyncConnection
from .._errors import OrgconnectError
from .._handles import AsyncOrganization
from ..webhooks import Notification, ReplayGuard, Verifier
from ._connect import Answer, AuthorizationExtras, Flow, tenant_of
from ._webhook import DONE, LONGEST, SIGNATURE_HEADER, TOO_LONG, Receiver, Said

__all__ = ["AuthorizationExtras", "OrganizationConnect", "webhook"]

T = TypeVar("T")
Maybe: TypeAlias = Awaitable[T] | T


class OrganizationConnect:
    """Connects the organization of each tenant.

    ```python
    calendars = OrganizationConnect(client, "https://app.example/connect/callback", tenant=signed_in_tenant)
    app = Starlette(routes=[*calendars.routes, Route("/members", members)])
    app.add_exception_handler(OrgconnectError, calendars.reconnect)


    async def members(request):
        organization = await calendars.organization(request)
        return JSONResponse([member.email async for member in organization.members.list()])
    ```

    With FastAPI: `app.router.routes.extend(calendars.routes)`, and `Depends(calendars.organization)`.
    """

    def __init__(
        self,
        client: AsyncClient,
        redirect_uri: str,
        *,
        tenant: Callable[[Request], Maybe[str | None]],
        connect_path: str = "/connect",
        callback_path: str = "/connect/callback",
        return_to: str = "/",
        return_to_origins: Iterable[str] = (),
        authorization: Callable[[Request], Maybe[AuthorizationExtras]] | None = None,
        on_connected: Callable[[AsyncConnection, Request], Maybe[object]] | None = None,
        on_failed: Callable[[OrgconnectError, Request], Maybe[str | None]] | None = None,
    ) -> None:
        """Checks the settings. No I/O.

        `client`: the client. It is not closed.

        `redirect_uri`: the URL at which `callback_path` is reached, as it is registered with Cronofy.

        `tenant`: says on whose behalf a request is made, after your own authentication, and None if on nobody's. The
        tenant names the connection in the token store, so that each has an organization of its own.

        `connect_path`, `callback_path`: the paths of the two routes.

        `return_to`: where a browser goes at the end when the request named no `return_to`. Default `/`.

        `return_to_origins`: origins that `return_to` may lead to beside paths of this site. Default: none.

        `authorization`: adds to what is asked for: locale, provider, lifetime.

        `on_connected`: runs when an organization was connected, before the browser goes on.

        `on_failed`: runs when one was not, for your log or metrics. What it returns is where the browser goes, by the
        rules of `return_to`; with None it gets a short page of text.

        Raises `ConfigError` or `InvalidError`, naming the setting.
        """
        self._flow = Flow(
            client,
            redirect_uri,
            connect_path=connect_path,
            return_to=return_to,
            return_to_origins=return_to_origins,
        )
        self._client = client
        self._tenant = tenant
        self._authorization = authorization
        self._on_connected = on_connected
        self._on_failed = on_failed
        self.routes = [Route(connect_path, self.connect), Route(callback_path, self.callback)]
        """The two routes, named `connect` and `callback`."""

    async def connect(self, request: Request) -> Response:
        """Sends an owner to Cronofy; `?return_to=` says where to go in the end."""
        try:
            extras = AuthorizationExtras() if self._authorization is None else await _now(self._authorization(request))
            tenant = await _now(self._tenant(request))
            answer = self._flow.begin(tenant, request.query_params.getlist("return_to"), extras)
        except OrgconnectError as error:
            answer = await self._failed(error, request)
        return self._response(answer)

    async def callback(self, request: Request) -> Response:
        """Completes what `connect` began in this browser. Writes the token store."""
        try:
            tenant = await _now(self._tenant(request))
            resumed = self._flow.resume(tenant, request.cookies.get(self._flow.cookie))
            connection = await self._client.complete(resumed.pending, f"?{request.url.query}")
            if self._on_connected is not None:
                await _now(self._on_connected(connection, request))
            answer = self._flow.finished(resumed.return_to)
        except OrgconnectError as error:
            answer = await self._failed(error, request)
        return self._response(answer)

    async def organization(self, request: Request) -> AsyncOrganization:
        """The organization of whoever makes the request. No I/O of its own: whether it is connected is found out when
        it is used.

        Raises `AuthorizationError`, code `tenant_missing`, if it is nobody's request.
        """
        return self._client.organization(tenant_of(await _now(self._tenant(request))))

    async def reconnect(self, request: Request, error: Exception) -> Response:
        """Sends whoever looks at a page to `connect` when only a new authorization helps; other errors are raised
        again. For `add_exception_handler`.
        """
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = self._flow.reconnect(error, method=request.method, accept=request.headers.get("accept"), path=path)
        if answer is None:
            raise error
        return self._response(answer)

    async def _failed(self, error: OrgconnectError, request: Request) -> Answer:
        place = None if self._on_failed is None else await _now(self._on_failed(error, request))
        return self._flow.failed(error, place)

    def _response(self, answer: Answer) -> Response:
        response = PlainTextResponse(answer.text, answer.status, answer.headers)
        self._flow.set_cookie(response, answer)
        return response


def webhook(
    webhooks: AsyncClient | Verifier,
    handler: Callable[[Notification, Request], Maybe[object]],
    *,
    guard: ReplayGuard | None = None,
    max_bytes: int = LONGEST,
) -> Callable[[Request], Awaitable[Response]]:
    """Makes the endpoint that receives what Cronofy posts:
    `Route("/webhooks/cronofy", webhook(client, handle), methods=["POST"])`.

    The signature is checked over the raw body; 401 if it doesn't fit. Cronofy waits about five seconds, so put longer
    work into a queue. When the handler raises, the answer is an error, and Cronofy sends the notification again.

    `webhooks`: whose signatures are accepted: a client's application, or secrets of your own choice.

    `guard`: leaves out what has been processed already. Default: everything is processed.

    `max_bytes`: the longest body that is read. Default 1 MiB.
    """
    receiver = Receiver(webhooks, guard, max_bytes)

    async def receive(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                return _said(TOO_LONG)
        raw = bytes(body)
        signature = ",".join(request.headers.getlist(SIGNATURE_HEADER))
        notification = receiver.read(signature, raw)
        if isinstance(notification, Said):
            return _said(notification)
        try:
            await _now(handler(notification, request))
        except BaseException:
            receiver.forget(raw)
            raise
        return _said(DONE)

    return receive


def _said(said: Said) -> Response:
    return PlainTextResponse(said.text, said.status)


async def _now(value: Maybe[T]) -> T:
    given: Any = value
    result: T = await given if inspect.isawaitable(given) else given
    return result
