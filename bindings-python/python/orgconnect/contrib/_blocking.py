"""Connecting organizations in a framework whose views block: all that its views do, but for reading requests and
answering them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Concatenate, Generic, ParamSpec, TypeVar

from .._client import Client
from .._connection import Connection
from .._errors import OrgconnectError
from .._handles import Organization
from ._connect import Answer, AuthorizationExtras, Flow, tenant_of

P = ParamSpec("P")
ResponseT = TypeVar("ResponseT")


class BlockingConnect(Generic[P, ResponseT]):
    """Connects the organization of each tenant. What views are given is `P`: a request, or nothing where the framework
    knows the current one.
    """

    def __init__(
        self,
        client: Client,
        redirect_uri: str,
        *,
        tenant: Callable[P, str | None],
        connect_path: str = "/connect",
        callback_path: str = "/connect/callback",
        return_to: str = "/",
        return_to_origins: Iterable[str] = (),
        authorization: Callable[P, AuthorizationExtras] | None = None,
        on_connected: Callable[Concatenate[Connection, P], object] | None = None,
        on_failed: Callable[Concatenate[OrgconnectError, P], str | None] | None = None,
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
        self._add_routes(connect_path, callback_path)

    def connect(self, *request: P.args, **named: P.kwargs) -> ResponseT:
        """Sends an owner to Cronofy; `?return_to=` says where to go in the end."""
        try:
            extras = AuthorizationExtras() if self._authorization is None else self._authorization(*request, **named)
            tenant = self._tenant(*request, **named)
            answer = self._flow.begin(tenant, self._return_to(*request, **named), extras)
        except OrgconnectError as error:
            answer = self._failed(error, *request, **named)
        return self._response(answer)

    def callback(self, *request: P.args, **named: P.kwargs) -> ResponseT:
        """Completes what `connect` began in this browser. Writes the token store."""
        try:
            cookie = self._cookies(*request, **named).get(self._flow.cookie)
            resumed = self._flow.resume(self._tenant(*request, **named), cookie)
            connection = self._client.complete(resumed.pending, f"?{self._query(*request, **named)}")
            if self._on_connected is not None:
                self._on_connected(connection, *request, **named)
            answer = self._flow.finished(resumed.return_to)
        except OrgconnectError as error:
            answer = self._failed(error, *request, **named)
        return self._response(answer)

    def organization(self, *request: P.args, **named: P.kwargs) -> Organization:
        """The organization of whoever makes the request. No I/O of its own: whether it is connected is found out when
        it is used.

        Raises `AuthorizationError`, code `tenant_missing`, if it is nobody's request.
        """
        return self._client.organization(tenant_of(self._tenant(*request, **named)))

    def _failed(self, error: OrgconnectError, *request: P.args, **named: P.kwargs) -> Answer:
        place = None if self._on_failed is None else self._on_failed(error, *request, **named)
        return self._flow.failed(error, place)

    def _add_routes(self, connect_path: str, callback_path: str) -> None:
        raise NotImplementedError

    def _return_to(self, *request: P.args, **named: P.kwargs) -> list[str]:
        raise NotImplementedError

    def _query(self, *request: P.args, **named: P.kwargs) -> str:
        raise NotImplementedError

    def _cookies(self, *request: P.args, **named: P.kwargs) -> Mapping[str, str]:
        raise NotImplementedError

    def _response(self, answer: Answer) -> ResponseT:
        raise NotImplementedError
