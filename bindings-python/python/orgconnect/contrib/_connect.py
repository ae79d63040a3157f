"""Connecting an organization in a web application, whatever its framework: the way to Cronofy, the way back, and the
organization of whoever asks. The adapters translate requests to this and its answers back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypedDict
from urllib.parse import quote

from .._client import AsyncClient, Client
from .._errors import AuthorizationError, ConfigError, InvalidError, OrgconnectError
from .._native import PendingAuthorization
from .._options import Seconds
from .._types import Secret
from ._return_to import ReturnTo

# A page of an authorization is never kept, and its address, which may hold a code, is told to nobody.
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class AuthorizationExtras(TypedDict, total=False):
    """What an application may add to an authorization; the rest is the adapter's."""

    locale: str
    """The display language of the pages, for example `de`. Default: the browser's."""
    lifetime: Seconds
    """How long the owner has to approve: at most 24 hours. Default 10 minutes."""
    avoid_linking: bool
    """Keeps the new calendar account apart from one that the same browser has connected before."""
    provider_name: str
    """Selects the calendar provider beforehand."""
    link_token: str | Secret
    """Links the calendar account to an existing Cronofy account."""


class Answer(NamedTuple):
    """What to answer a browser with."""

    status: int
    location: str | None = None
    text: str = ""
    cookie: str | None = None
    """What the cookie is set to: None leaves it alone, empty takes it away."""
    max_age: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers but for the cookie."""
        headers = dict(PRIVATE)
        if self.location is not None:
            headers["Location"] = self.location
        if self.text:
            headers["X-Content-Type-Options"] = "nosniff"
        return headers


class Resumed(NamedTuple):
    """An authorization that was begun in this browser."""

    pending: PendingAuthorization
    return_to: str


class Flow:
    """The part of the adapters that knows no framework."""

    def __init__(
        self,
        client: Client | AsyncClient,
        redirect_uri: str,
        *,
        connect_path: str,
        return_to: str,
        return_to_origins: Iterable[str],
    ) -> None:
        # An authorization that can't be asked for is found out now, and not by the first tenant.
        client.authorize(redirect_uri)
        self._client = client
        self._redirect_uri = redirect_uri
        self._places = ReturnTo(return_to_origins)
        self._home = self._places.check(return_to)
        self._connect_path = ReturnTo().check(connect_path)
        self.secure = redirect_uri.lower().startswith("https:")
        # The prefix keeps other hosts of the same domain from planting one.
        self.cookie = "__Host-orgconnect" if self.secure else "orgconnect"

    def begin(self, tenant: str | None, return_to: Sequence[str], extras: AuthorizationExtras) -> Answer:
        """Sends an owner to Cronofy. What the callback is checked against goes into a cookie of this browser."""
        if len(return_to) > 1:
            raise InvalidError.of("return_to", "must be given once")
        place = self._places.check(return_to[0]) if return_to else self._home
        tenant = tenant_of(tenant)
        pending = self._client.authorize(
            self._redirect_uri,
            connection_id=tenant,
            # With a state of its own the payload is not part of the URL.
            state=secrets.token_urlsafe(32),
            payload=json.dumps({"tenant": tenant, "return_to": place}),
            **extras,
        )
        left = pending.expires_at - datetime.now(timezone.utc)
        seconds = min(max(1, round(left.total_seconds())), 86_400)
        return Answer(302, pending.url, cookie=pending.serialize(), max_age=seconds)

    def resume(self, tenant: str | None, cookie: str | None) -> Resumed:
        """Finds what `begin` began in this browser. No I/O."""
        if not cookie:
            raise AuthorizationError(
                "no authorization is under way in this browser; begin again, with cookies allowed",
                code="pending_missing",
            )
        pending = self._client.pending(cookie)
        carried: dict[str, Any] = json.loads(pending.payload or "{}")
        if carried.get("tenant") != tenant_of(tenant):
            raise AuthorizationError(
                "the authorization was begun on behalf of another tenant; begin again as this one",
                code="tenant_changed",
            )
        return Resumed(pending, self._places.check(str(carried.get("return_to", ""))))

    def set_cookie(self, response: Any, answer: Answer) -> None:
        """Keeps what the callback is checked against in the browser, or takes it away again."""
        if answer.cookie is not None:
            response.set_cookie(
                self.cookie,
                answer.cookie,
                max_age=answer.max_age,
                secure=self.secure,
                httponly=True,
                # The browser comes from Cronofy's pages.
                samesite="lax",
            )

    def finished(self, place: str) -> Answer:
        """Sends the browser on, after the organization was connected."""
        return Answer(302, place, cookie="")

    def failed(self, error: OrgconnectError, place: str | None) -> Answer:
        """The answer to an error of the SDK; raises it again if an operator must see it.

        `place`: where the application wants the browser to go instead, by the rules of `return_to`.
        """
        # A callback that failed for the moment can be loaded again.
        cookie = None if error.is_transient else ""
        if place is not None:
            return Answer(302, self._places.check(place), cookie=cookie)
        status = _status(error)
        if status is None:
            raise error
        why = error.message if error.kind == "invalid" else (error.code or error.kind)
        return Answer(status, text=f"The calendars were not connected: {why}\n", cookie=cookie)

    def reconnect(self, error: BaseException, *, method: str, accept: str | None, path: str) -> Answer | None:
        """Where to send the browser after an error: to connect, if only a new authorization helps and a person is
        looking at a page, and nowhere otherwise.
        """
        if not isinstance(error, OrgconnectError) or not error.needs_reauthorization:
            return None
        if method != "GET" or "text/html" not in (accept or ""):
            return None
        try:
            place = self._places.check(path)
        except InvalidError:
            # A page with such an address is not gone back to.
            place = self._home
        return Answer(302, f"{self._connect_path}?return_to={quote(place, safe='')}")


def tenant_of(tenant: object) -> str:
    """The tenant, if there is one."""
    if tenant is None or tenant == "":
        raise AuthorizationError("nobody is signed in; sign in first", code="tenant_missing")
    if not isinstance(tenant, str):
        raise ConfigError.of("tenant", f"must return text, and returned {type(tenant).__name__}; take str() of it")
    return tenant


def _status(error: OrgconnectError) -> int | None:
    if error.code == "tenant_missing":
        return 401
    if error.code == "access_denied":
        return 403
    if error.kind in ("authorization", "invalid"):
        return 400
    if error.kind in ("network", "timeout", "server", "rate_limited", "locked"):
        return 503
    return None
