"""What Cronofy posts to you: its signature is checked over the raw body, and it is read into types that let unknown
kinds pass through.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from ._decode import decoder
from ._native import ReplayGuard as NativeReplayGuard
from ._native import Verifier as NativeVerifier
from ._options import Seconds
from ._types import Secret

__all__ = [
    "SIGNATURE_HEADER",
    "ChannelNotification",
    "DelegatedAuthorization",
    "EventSubscription",
    "Notification",
    "ReplayGuard",
    "SchedulingCompleted",
    "SchedulingRequestNotification",
    "SmartInviteReply",
    "UnknownNotification",
    "Verifier",
]

SIGNATURE_HEADER = "Cronofy-HMAC-SHA256"
"""The header that carries the signature."""


class ChannelNotification(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened to what a channel watches."""

    kind: str
    """What happened: `verification`, `change`, `profile_disconnected`, `conferencing_profile_disconnected`,
    `profile_initial_sync_completed`, `gdpr_requested`, or another word."""
    channel_id: str
    """The channel's id."""
    changes_since: str | None
    """For a change: read events with `last_modified` set to this time. An ISO 8601 instant, as it came."""
    body: dict[str, Any]
    """The whole body, for what is not named here: the channel's filters, ids of conversations."""


class EventSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger of an event, its conferencing or its meeting agent."""

    interactions: list[str]
    """What happened, for example `conferencing_assigned`; empty for a trigger by time."""
    event: dict[str, Any]
    """The event, by wire names."""
    body: dict[str, Any]
    """The whole body."""


class SmartInviteReply(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient answered a smart invite."""

    smart_invite_id: str
    """The id that you gave the invite."""
    email: str | None
    """Who answered."""
    status: str | None
    """`accepted`, `declined`, `tentative`, or another word."""
    comment: str | None
    """What the recipient wrote."""
    body: dict[str, Any]
    """The whole body: the proposal, the recipient, the event."""


class SchedulingRequestNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduling request moved on."""

    kind: str
    """What happened, for example `scheduling_request_time_chosen`."""
    scheduling_request_id: str | None
    """The request's id."""
    scheduling_request: dict[str, Any]
    """The request, by wire names."""


class SchedulingCompleted(msgspec.Struct, frozen=True, kw_only=True):
    """A slot was picked on a real-time scheduling page."""

    event: dict[str, Any]
    """The event with its start and end, by wire names."""
    body: dict[str, Any]
    """The whole body: participants, user."""


class DelegatedAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """A delegated authorization was granted or refused; a code goes to `Client.complete_delegated`."""

    code: Secret | None
    """The code, if it was granted."""
    error: str | None
    """The error, if it was not."""
    error_description: str | None
    """A sentence about the error."""
    state: Secret | None
    """The state that the request carried. Compare it with what you kept."""


class UnknownNotification(msgspec.Struct, frozen=True, kw_only=True):
    """Anything else, as it came."""

    body: Any
    """The whole body."""


Notification: TypeAlias = (
    ChannelNotification
    | EventSubscription
    | SmartInviteReply
    | SchedulingRequestNotification
    | SchedulingCompleted
    | DelegatedAuthorization
    | UnknownNotification
)
"""What Cronofy says. Kinds that this version doesn't know are `UnknownNotification`, never an error."""

_KINDS: dict[str, type[Notification]] = {
    kind.__name__: kind
    for kind in (
        ChannelNotification,
        EventSubscription,
        SmartInviteReply,
        SchedulingRequestNotification,
        SchedulingCompleted,
        DelegatedAuthorization,
        UnknownNotification,
    )
}


def _secret(kind: type[Any], value: Any) -> Any:
    return kind(value)


class Verifier:
    """Checks signatures with one or several client secrets."""

    __slots__ = ("_native",)

    def __init__(self, client_secret: str | Secret | NativeVerifier) -> None:
        """Checks with the application's client secret. A client makes its own: `client.webhooks`."""
        if isinstance(client_secret, NativeVerifier):
            self._native = client_secret
        else:
            self._native = NativeVerifier(_text(client_secret))

    def or_secret(self, client_secret: str | Secret) -> Verifier:
        """Accepts what another secret has signed, too: for the time in which one is being replaced."""
        return Verifier(self._native.or_secret(_text(client_secret)))

    def verify(self, signature: str, body: bytes) -> bool:
        """Whether one of the signatures is that of the body under one of the secrets.

        `body` is the raw body as it was received: JSON that was parsed and written again has other octets. The time
        does not depend on which candidate fits, or how far one does.
        """
        return self._native.verify(signature, _raw(body))

    def receive(self, signature: str, body: bytes) -> Notification:
        """Checks the signature and reads the notification.

        Raises `AuthorizationError`, code `signature_mismatch`, if no signature fits; `DecodeError` if the body is not
        JSON. Answer 401 to the former.
        """
        name, fields = self._native.receive(signature, _raw(body))
        notification: Notification = decoder(_KINDS[name], _secret).decode(fields)
        return notification

    def __repr__(self) -> str:
        return "<Verifier>"


class ReplayGuard:
    """Remembers what has been processed, so that a notification which is sent again does nothing.

    Cronofy's notifications have no id and no time, so a repetition is told by its body alone, and only within this
    process: use it where doing a thing twice would hurt, and keep the window short.
    """

    __slots__ = ("_native",)

    def __init__(self, window: Seconds, capacity: int) -> None:
        """Remembers bodies for `window`, and at most `capacity` of them."""
        self._native = NativeReplayGuard(window, capacity)

    def first_time(self, body: bytes) -> bool:
        """Whether this body comes for the first time within the window, and remembers it if so."""
        return self._native.first_time(_raw(body))

    def forget(self, body: bytes) -> None:
        """Forgets a body whose processing failed, so that Cronofy's next try counts."""
        self._native.forget(_raw(body))

    def __repr__(self) -> str:
        return "<ReplayGuard>"


def _text(secret: str | Secret) -> str:
    return secret.expose() if isinstance(secret, Secret) else secret


def _raw(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, bytearray):
        return bytes(body)
    given = type(body).__name__
    raise TypeError(f"body: must be the raw bytes of the request, and is {given}; take them before any parser does")
