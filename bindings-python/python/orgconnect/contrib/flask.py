"""Organization Connect in a Flask application: the routes that connect a tenant, the organization of whoever asks, and
webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

from .._client import Client
from ..webhooks import Notification, ReplayGuard, Verifier
from ._blocking import BlockingConnect
from ._connect import Answer, AuthorizationExtras
from ._webhook import DONE, LONGEST, SIGNATURE_HEADER, TOO_LONG, Receiver, Said, parsed_already

__all__ = ["AuthorizationExtras", "OrganizationConnect", "webhook"]


class OrganizationConnect(BlockingConnect[[], Response]):
    """Connects the organization of each tenant.

    ```python
    calendars = OrganizationConnect(
        client, "https://app.example/connect/callback", tenant=lambda: session.get("tenant")
    )
    app.register_blueprint(calendars.blueprint)
    app.register_error_handler(OrgconnectError, calendars.reconnect)


    @app.get("/members")
    def members():
        return [member.email for member in calendars.organization().members.list()]
    ```
    """

    blueprint: Blueprint
    """The two routes, as the endpoints `orgconnect.connect` and `orgconnect.callback`."""

    def reconnect(self, error: Exception) -> Response:
        """Sends whoever looks at a page to `connect` when only a new authorization helps; other errors are raised
        again. For `register_error_handler`.
        """
        path = request.full_path.removesuffix("?")
        answer = self._flow.reconnect(error, method=request.method, accept=request.headers.get("Accept"), path=path)
        if answer is None:
            raise error
        return self._response(answer)

    def _add_routes(self, connect_path: str, callback_path: str) -> None:
        self.blueprint = Blueprint("orgconnect", __name__)
        self.blueprint.add_url_rule(connect_path, "connect", self.connect)
        self.blueprint.add_url_rule(callback_path, "callback", self.callback)

    def _return_to(self) -> list[str]:
        return request.args.getlist("return_to")

    def _query(self) -> str:
        return request.query_string.decode("ascii", "replace")

    def _cookies(self) -> Mapping[str, str]:
        return request.cookies

    def _response(self, answer: Answer) -> Response:
        response = Response(answer.text, answer.status, answer.headers, content_type="text/plain; charset=utf-8")
        # What was checked is what is sent: nothing is made absolute or encoded again.
        response.autocorrect_location_header = False
        self._flow.set_cookie(response, answer)
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
