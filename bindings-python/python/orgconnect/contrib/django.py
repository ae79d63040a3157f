"""Organization Connect in a Django project: the views that connect a tenant, the organization of whoever asks, and
webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

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

    calendars = OrganizationConnect(client, "https://app.example/connect/callback", tenant=signed_in_tenant)
    urlpatterns = [*calendars.urls, path("members", members)]

    def members(request):
        organization = calendars.organization(request)
        return JsonResponse([member.email for member in organization.members.list()], safe=False)
    """

    def __init__(
        self,
        client: Client,
        redirect_uri: str,
        *,
        tenant: Callable[[HttpRequest], str | None],
        connect_path: str = "/connect",
        callback_path: str = "/connect/callback",
        return_to: str = "/",
        return_to_origins: Iterable[str] = (),
        authorization: Callable[[HttpRequest], AuthorizationExtras] | None = None,
        on_connected: Callable[[Connection, HttpRequest], object] | None = None,
        on_failed: Callable[[OrgconnectError, HttpRequest], str | None] | None = None,
    ) -> None:
        """Checks the settings. No I/O.

        `client`: the client. It is not closed.

        `redirect_uri`: the URL at which `callback_path` is reached, as it is registered with Cronofy.

        `tenant`: says on whose behalf a request is made, after your own authentication, and None if on nobody's. The
        tenant names the connection in the token store, so that each has an organization of its own.

        `connect_path`, `callback_path`: the paths of the two views.

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
        self.urls: list[URLPattern] = [
            path(connect_path.lstrip("/"), require_GET(self.connect), name="orgconnect-connect"),
            path(callback_path.lstrip("/"), require_GET(self.callback), name="orgconnect-callback"),
        ]
        """The two views as URL patterns, for the root of `urlpatterns`."""

    def connect(self, request: HttpRequest) -> HttpResponse:
        """Sends an owner to Cronofy; `?return_to=` says where to go in the end."""
        try:
            extras = AuthorizationExtras() if self._authorization is None else self._authorization(request)
            answer = self._flow.begin(self._tenant(request), request.GET.getlist("return_to"), extras)
        except OrgconnectError as error:
            answer = self._failed(error, request)
        return self._response(answer)

    def callback(self, request: HttpRequest) -> HttpResponse:
        """Completes what `connect` began in this browser. Writes the token store."""
        try:
            resumed = self._flow.resume(self._tenant(request), request.COOKIES.get(self._flow.cookie))
            connection = self._client.complete(resumed.pending, f"?{request.META.get('QUERY_STRING', '')}")
            if self._on_connected is not None:
                self._on_connected(connection, request)
            answer = self._flow.finished(resumed.return_to)
        except OrgconnectError as error:
            answer = self._failed(error, request)
        return self._response(answer)

    def organization(self, request: HttpRequest) -> Organization:
        """The organization of whoever makes the request. No I/O of its own: whether it is connected is found out when
        it is used.

        Raises `AuthorizationError`, code `tenant_missing`, if it is nobody's request.
        """
        return self._client.organization(tenant_of(self._tenant(request)))

    def reconnect(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Sends whoever looks at a page to `connect` when only a new authorization helps, and returns None for other
        errors. For the `process_exception` of a middleware.
        """
        path = request.get_full_path()
        answer = self._flow.reconnect(
            error, method=request.method or "", accept=request.headers.get("Accept"), path=path
        )
        return None if answer is None else self._response(answer)

    def _failed(self, error: OrgconnectError, request: HttpRequest) -> Answer:
        return self._flow.failed(error, None if self._on_failed is None else self._on_failed(error, request))

    def _response(self, answer: Answer) -> HttpResponse:
        # Not a HttpResponseRedirect: what was checked is what is sent, and nothing is encoded again.
        response = HttpResponse(
            answer.text, status=answer.status, headers=answer.headers, content_type="text/plain; charset=utf-8"
        )
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
    handler: Callable[[Notification, HttpRequest], object],
    *,
    guard: ReplayGuard | None = None,
    max_bytes: int = LONGEST,
) -> Callable[[HttpRequest], HttpResponse]:
    """Makes the view that receives what Cronofy posts: `path("webhooks/cronofy", webhook(client, handle))`. Django's
    CSRF check is off for it, since the signature says who calls.

    The signature is checked over the raw body; 401 if it doesn't fit. Cronofy waits about five seconds, so put longer
    work into a queue. When the handler raises, the answer is an error, and Cronofy sends the notification again.

    `webhooks`: whose signatures are accepted: a client's application, or secrets of your own choice.

    `guard`: leaves out what has been processed already. Default: everything is processed.

    `max_bytes`: the longest body that is accepted. Default 1 MiB.

    The view raises `ConfigError`, code `body_parsed`, if something has read the body as a form before.
    """
    receiver = Receiver(webhooks, guard, max_bytes)

    def receive(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > max_bytes:
            return _said(TOO_LONG)
        try:
            body = request.body
        except RawPostDataException:
            raise parsed_already("leave request.POST and request.FILES alone in middleware before this view") from None
        notification = receiver.read(request.headers.get(SIGNATURE_HEADER), body)
        if isinstance(notification, Said):
            return _said(notification)
        try:
            handler(notification, request)
        except BaseException:
            receiver.forget(body)
            raise
        return _said(DONE)

    return csrf_exempt(require_POST(receive))


def _said(said: Said) -> HttpResponse:
    return HttpResponse(said.text, status=said.status, content_type="text/plain; charset=utf-8")
