"""Organization Connect in a Django project: the views that connect a tenant, the organization of whoever asks, and
webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from .._client import Client
from ..webhooks import Notification, ReplayGuard, Verifier
from ._blocking import BlockingConnect
from ._connect import Answer, AuthorizationExtras
from ._webhook import DONE, LONGEST, SIGNATURE_HEADER, TOO_LONG, Receiver, Said, parsed_already

__all__ = ["AuthorizationExtras", "OrganizationConnect", "webhook"]


class OrganizationConnect(BlockingConnect[[HttpRequest], HttpResponse]):
    """Connects the organization of each tenant.

    ```python
    calendars = OrganizationConnect(client, "https://app.example/connect/callback", tenant=signed_in_tenant)
    urlpatterns = [*calendars.urls, path("members", members)]


    def members(request):
        organization = calendars.organization(request)
        return JsonResponse([member.email for member in organization.members.list()], safe=False)
    ```
    """

    urls: list[URLPattern]
    """The two views as URL patterns, for the root of `urlpatterns`."""

    def reconnect(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Sends whoever looks at a page to `connect` when only a new authorization helps, and returns None for other
        errors. For the `process_exception` of a middleware.
        """
        path = request.get_full_path()
        answer = self._flow.reconnect(
            error, method=request.method or "", accept=request.headers.get("Accept"), path=path
        )
        return None if answer is None else self._response(answer)

    def _add_routes(self, connect_path: str, callback_path: str) -> None:
        self.urls = [
            path(connect_path.lstrip("/"), require_GET(self.connect), name="orgconnect-connect"),
            path(callback_path.lstrip("/"), require_GET(self.callback), name="orgconnect-callback"),
        ]

    def _return_to(self, request: HttpRequest) -> list[str]:
        return request.GET.getlist("return_to")

    def _query(self, request: HttpRequest) -> str:
        return str(request.META.get("QUERY_STRING", ""))

    def _cookies(self, request: HttpRequest) -> Mapping[str, str]:
        return request.COOKIES

    def _response(self, answer: Answer) -> HttpResponse:
        # Not a HttpResponseRedirect: what was checked is what is sent, and nothing is encoded again.
        response = HttpResponse(
            answer.text, status=answer.status, headers=answer.headers, content_type="text/plain; charset=utf-8"
        )
        self._flow.set_cookie(response, answer)
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
