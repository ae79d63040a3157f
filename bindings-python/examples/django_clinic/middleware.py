"""Sends whoever looks at a page to connect again when the organization's authorization is gone."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class ReconnectMiddleware:
    """Asks the adapter what to do about an error of the SDK."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        from .calendars import connect

        return connect().reconnect(request, error)
