"""Receiving what Cronofy posts, whatever the framework: the raw body, its signature, and repetitions."""

from __future__ import annotations

from typing import NamedTuple

from .._client import AsyncClient, Client
from .._errors import AuthorizationError, ConfigError, DecodeError
from ..webhooks import SIGNATURE_HEADER, Notification, ReplayGuard, Verifier

__all__ = ["LONGEST", "SIGNATURE_HEADER", "Receiver", "Said", "parsed_already"]

LONGEST = 1_048_576
"""The longest body that is read by default; notifications are a few kilobytes."""


class Said(NamedTuple):
    """What to answer Cronofy."""

    status: int
    text: str


TOO_LONG = Said(413, "the body is too long\n")
KNOWN = Said(200, "known\n")
DONE = Said(200, "ok\n")


class Receiver:
    """The part of a webhook that knows no framework."""

    def __init__(self, webhooks: Client | AsyncClient | Verifier, guard: ReplayGuard | None, max_bytes: int) -> None:
        self._verifier = webhooks if isinstance(webhooks, Verifier) else webhooks.webhooks
        self._guard = guard
        self.max_bytes = max_bytes

    def read(self, signature: str | None, body: bytes) -> Notification | Said:
        """The notification that is to be handled, or what to answer without."""
        if len(body) > self.max_bytes:
            return TOO_LONG
        try:
            notification = self._verifier.receive(signature or "", body)
        except AuthorizationError:
            return Said(401, "the signature does not fit\n")
        except DecodeError:
            return Said(400, "the body is not JSON\n")
        if self._guard is not None and not self._guard.first_time(body):
            return KNOWN
        return notification

    def forget(self, body: bytes) -> None:
        """Lets a body that could not be handled count when it comes again."""
        if self._guard is not None:
            self._guard.forget(body)


def parsed_already(mend: str) -> ConfigError:
    """The error of a webhook whose body a parser has been at, with the mend."""
    why = f"has been parsed already, so its signature can't be checked; {mend}"
    return ConfigError.of("body", why, code="body_parsed")
