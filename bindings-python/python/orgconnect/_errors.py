"""The exceptions: one tree, whose classes say what the caller should do. The core makes all of them."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self


class FieldError(NamedTuple):
    """One complaint about one field."""

    key: str
    """A stable key, for example `errors.required`."""
    description: str
    """A sentence for people."""


class OrgconnectError(Exception):
    """What went wrong, what it means and what to do about it. The message says what to do next, and holds no secret."""

    kind: ClassVar[str] = "unknown"
    """What the caller should do: the same word in every language of this SDK."""
    message: str
    """What happened, and what to do next."""
    status: int | None
    """The HTTP status, when an answer was received."""
    code: str | None
    """A stable word for the cause, for example `invalid_grant`."""
    retry_after: float | None
    """How many seconds to wait before the next try."""
    request_id: str | None
    """The id that Cronofy gave the request, for a question to its support."""
    fields: dict[str, list[FieldError]]
    """What is wrong with each field, by its name."""
    body: bytes | None
    """The body of the answer. It may hold personal data, so it is not shown."""
    needs_reauthorization: bool
    """Whether an owner has to be sent through `authorize` again."""
    is_transient: bool
    """Whether the same call may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        fields: dict[str, list[FieldError]] | None = None,
        body: bytes | None = None,
        needs_reauthorization: bool = False,
        is_transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.request_id = request_id
        self.fields = fields if fields is not None else {}
        self.body = body
        self.needs_reauthorization = needs_reauthorization
        self.is_transient = is_transient

    @classmethod
    def of(cls, field: str, complaint: str, *, code: str | None = None) -> Self:
        """The error that a field is wrong."""
        return cls(f"{field}: {complaint}", code=code, fields={field: [FieldError("errors.invalid", complaint)]})

    def __repr__(self) -> str:
        shown = [repr(self.message)]
        for name in ("status", "code", "retry_after", "request_id"):
            value = getattr(self, name)
            if value is not None:
                shown.append(f"{name}={value!r}")
        if self.needs_reauthorization:
            shown.append("needs_reauthorization=True")
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


class ConfigError(OrgconnectError):
    """The client is set up wrongly: mend the configuration."""

    kind = "config"


class AuthorizationError(OrgconnectError):
    """Nobody is authorized: if `needs_reauthorization`, send the owner through `authorize` again."""

    kind = "authorization"


class PermissionError(OrgconnectError, builtins.PermissionError):
    """Somebody is authorized, but not for this: ask for the scope or the permission that is missing."""

    kind = "permission"


class NotFoundError(OrgconnectError):
    """What was asked for does not exist, or is not visible to this authorization."""

    kind = "not_found"


class InvalidError(OrgconnectError):
    """An argument is wrong: `fields` names it."""

    kind = "invalid"


class RateLimitedError(OrgconnectError):
    """Too many requests: wait for `retry_after` seconds."""

    kind = "rate_limited"


class LockedError(OrgconnectError):
    """The account or profile can't be written to now: ask its owner to reconnect it."""

    kind = "locked"


class PlanError(OrgconnectError):
    """The plan of the application doesn't include the feature."""

    kind = "plan"


class ServerError(OrgconnectError):
    """Cronofy failed: try again later."""

    kind = "server"


class NetworkError(OrgconnectError):
    """Cronofy could not be reached, or the connection broke."""

    kind = "network"


class TimeoutError(OrgconnectError, builtins.TimeoutError):
    """The deadline passed before an answer was there."""

    kind = "timeout"


class DecodeError(OrgconnectError):
    """The answer could not be understood."""

    kind = "decode"


class StoreError(OrgconnectError):
    """The token store failed or is not readable.

    A store of your own raises it, too: `StoreError.conflict()` where a record has another version than expected.
    """

    kind = "store"

    @classmethod
    def conflict(cls) -> StoreError:
        """The record has another version than expected; nothing was written."""
        return cls("the record was changed by somebody else; read it again", code="store_conflict", is_transient=True)


class Cause(Exception):  # noqa: N818 - it is no error by itself
    """What the core says lies behind an error: the text of a network or file failure."""


_CLASSES: dict[str, type[OrgconnectError]] = {
    error.kind: error
    for error in (
        ConfigError,
        AuthorizationError,
        PermissionError,
        NotFoundError,
        InvalidError,
        RateLimitedError,
        LockedError,
        PlanError,
        ServerError,
        NetworkError,
        TimeoutError,
        DecodeError,
        StoreError,
    )
}


def from_parts(
    *,
    kind: str,
    message: str,
    fields: dict[str, list[tuple[str, str]]],
    causes: list[str] | None = None,
    **parts: Any,
) -> OrgconnectError:
    """Makes the exception of the core's error."""
    named = {name: [FieldError(*complaint) for complaint in complaints] for name, complaints in fields.items()}
    error = _CLASSES.get(kind, OrgconnectError)(message, fields=named, **parts)
    below: Exception = error
    for text in causes or ():
        cause = Cause(text)
        below.__cause__ = cause
        below = cause
    return error


def _rebuild(cls: type[OrgconnectError], message: str, state: dict[str, Any]) -> OrgconnectError:
    error = cls(message)
    error.__dict__.update(state)
    return error
