"""Organization Connect in a Flask application: the routes that connect a tenant, the organization of whoever asks, and
webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flask import Blueprint, Response, request

from .._client import Client
from .._connection import Connection
from .._errors import OrgconnectError
from .._handles import Organization
from ..webhooks import Notification, ReplayGuard, Verifier
from ._connect import Answer, AuthorizationExtras, Flow, tenant_of
from ._webhook import DONE, LONGEST, SIGNATURE_HEADER, TOO_LONG, Receiver, Said, parsed_already

__all__ = ["AuthorizationExtras", "OrganizationConnect", "webhook"]


class OrganizationConnect:
    """Connects the organization of each tenant.

    calendars = OrganizationConnect(
        client, "https://app.example/connect/callback", tenant=lambda: session.get("tenant")
    )
    app.register_blueprint(calendars.blueprint)
    app.register_error_handler(OrgconnectError, calendars.reconnect)

    @app.get("/members")
    def members():
        return [member.email for member in calendars.organization().members.list()]
    """

    def __init__(
        self,
        client: Client,
        redirect_uri: str,
        *,
        tenant: Callable[[], str | None],
        connect_path: str = "/connect",
        callback_path: str = "/connect/callback",
        return_to: str = "/",
        return_to_origins: Iterable[str] = (),
        authorization: Callable[[], AuthorizationExtras] | None = None,
        on_connected: Callable[[Connection], object] | None = None,
        on_failed: Callable[[OrgconnectError], str | None] | None = None,
    ) -> None:
        """Checks the settings. No I/O.

        `client`: the client. It is not closed.

        `redirect_uri`: the URL at which `callback_path` is reached, as it is registered with Cronofy.

        `tenant`: says on whose behalf the current request is made, after your own authentication, and None if on
        nobody's. The tenant names the connection in the token store, so that each has an organization of its own.

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
        self.blueprint = Blueprint("orgconnect", __name__)
        """The two routes, as the endpoints `orgconnect.connect` and `orgconnect.callback`."""
        self.blueprint.add_url_rule(connect_path, "connect", self.connect)
        self.blueprint.add_url_rule(callback_path, "callback", self.callback)

    def connect(self) -> Response:
        """Sends an owner to Cronofy; `?return_to=` says where to go in the end."""
        try:
            extras = AuthorizationExtras() if self._authorization is None else self._authorization()
            answer = self._flow.begin(self._tenant(), request.args.getlist("return_to"), extras)
        except OrgconnectError as error:
            answer = self._failed(error)
        return self._response(answer)

    def callback(self) -> Response:
        """Completes what `connect` began in this browser. Writes the token store."""
        try:
            resumed = self._flow.resume(self._tenant(), request.cookies.get(self._flow.cookie))
            query = request.query_string.decode("ascii", "replace")
            connection = self._client.complete(resumed.pending, f"?{query}")
            if self._on_connected is not None:
                self._on_connected(connection)
            answer = self._flow.finished(resumed.return_to)
        except OrgconnectError as error:
            answer = self._failed(error)
        return self._response(answer)

    def organization(self) -> Organization:
        """The organization of whoever makes the current request. No I/O of its own: whether it is connected is found
        out when it is used.

        Raises `AuthorizationError`, code `tenant_missing`, if it is nobody's request.
        """
        return self._client.organization(tenant_of(self._tenant()))

    def reconnect(self, error: Exception) -> Response:
        """Sends whoever looks at a page to `connect` when only a new authorization helps; other errors are raised
        again. For `register_error_handler`.
        """
        path = request.full_path.removesuffix("?")
        answer = self._flow.reconnect(error, method=request.method, accept=request.headers.get("Accept"), path=path)
        if answer is None:
            raise error
        return self._response(answer)

    def _failed(self, error: OrgconnectError) -> Answer:
        return self._flow.failed(error, None if self._on_failed is None else self._on_failed(error))

    def _response(self, answer: Answer) -> Response:
        response = Response(answer.text, answer.status, answer.headers, content_type="text/plain; charset=utf-8")
        # What was checked is what is sent: nothing is made absolute or encoded again.
        response.autocorrect_location_header = False
        if answer.cookie is not None:
            response.set_cookie(
                self._flow.cookie,
                answer.cookie,
                max_age=answer.max_age,
                secure=self._flow.secure,
                httponly=True,
                # The browser comes from Cronofy's pages.
                samesite="Lax",
            )
        return response


def webhook(
    webhooks: Client | Verifier,
    handler: Callable[[Notification], object],
    *,
    guard: ReplayGuard | None = None,
    max_bytes: int = LONGEST,
) -> Callable[[], Response]:
    """Makes the view that receives what Cronofy posts:
    `app.add_url_rule("/webhooks/cronofy", "cronofy", webhook(client, handle), methods=["POST"])`.

    The signature is checked over the raw body; 401 if it doesn't fit. Cronofy waits about five seconds, so put longer
    work into a queue. When the handler raises, the answer is an error, and Cronofy sends the notification again.

    `webhooks`: whose signatures are accepted: a client's application, or secrets of your own choice.

    `guard`: leaves out what has been processed already. Default: everything is processed.

    `max_bytes`: the longest body that is read. Default 1 MiB.

    The view raises `ConfigError`, code `body_parsed`, if something has read the body as a form before.
    """
    receiver = Receiver(webhooks, guard, max_bytes)

    def receive() -> Response:
        if (request.content_length or 0) > max_bytes:
            return _said(TOO_LONG)
        # A body without a length is cut off by the server or by this.
        request.max_content_length = max_bytes
        body = request.get_data()
        if not body and request.content_length:
            raise parsed_already("leave request.form and request.stream alone on this route")
        notification = receiver.read(",".join(request.headers.getlist(SIGNATURE_HEADER)), body)
        if isinstance(notification, Said):
            return _said(notification)
        try:
            handler(notification)
        except BaseException:
            receiver.forget(body)
            raise
        return _said(DONE)

    return receive


def _said(said: Said) -> Response:
    return Response(said.text, said.status, content_type="text/plain; charset=utf-8")
