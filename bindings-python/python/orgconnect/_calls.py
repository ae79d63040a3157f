"""How typed calls reach the core: arguments as one JSON object, the reply's bytes decoded once, into models."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import msgspec
from msgspec import UNSET

from ._decode import decode, decoder
from ._errors import DecodeError, InvalidError
from ._native import Handle
from ._native import Reply as NativeReply
from ._pages import AsyncPages, Pages
from ._types import Secret

T = TypeVar("T")
ItemT = TypeVar("ItemT")
P = ParamSpec("P")


# What msgspec doesn't write by itself, and what it is made into.
_OTHERS: list[tuple[type[Any], Callable[[Any], Any]]] = [(Secret, Secret.expose), (Mapping, dict), (Iterable, list)]


def _encode_other(value: Any) -> Any:
    if type(value) in (dict, list):
        raise TypeError(f"holds a {type(value).__name__} as a key; keys are texts")
    for kind, make in _OTHERS:
        if isinstance(value, kind):
            return make(value)
    raise TypeError(
        f"holds {type(value).__name__}, which can't be sent; use text, numbers, dates, lists, dicts or models"
    )


_encoder = msgspec.json.Encoder(enc_hook=_encode_other)


# What values raise that JSON can't hold.
_NO_JSON = (TypeError, UnicodeEncodeError, RecursionError)


def encode(value: Any) -> bytes:
    """Writes JSON. Raises `InvalidError`, naming the field, for what JSON can't hold."""
    try:
        return _encoder.encode(value)
    except _NO_JSON as error:
        refused = _refused(value, error)
    # With no context: the exception for text that can't be encoded shows the text.
    raise refused


def _refused(value: Any, error: Exception) -> InvalidError:
    parts: Any = getattr(value, "items", tuple)()
    field = next((name for name, part in parts if not _can_be_encoded(part)), "body")
    if isinstance(error, UnicodeEncodeError):
        return InvalidError.of(str(field), "holds half of a character, a surrogate without its pair")
    return InvalidError.of(str(field), "holds itself" if isinstance(error, RecursionError) else str(error))


def _can_be_encoded(value: Any) -> bool:
    try:
        _encoder.encode(value)
    except _NO_JSON:
        return False
    return True


def mapping(name: str, value: Mapping[str, T]) -> dict[str, T]:
    """What has a name for each value, as a dict."""
    given: Any = value
    if not isinstance(given, Mapping):
        raise InvalidError.of(name, f"must be a mapping, such as a dict, and is {type(given).__name__}")
    return dict(value)


class Operation(Generic[T]):
    """An operation: its name, and what its reply is read into."""

    __slots__ = ("_decoder", "items", "name", "nullable", "optional", "reply")

    def __init__(
        self,
        name: str,
        reply: Any = None,
        *,
        optional: bool = False,
        nullable: tuple[str, ...] = (),
        items: Callable[[Any], list[Any]] | None = None,
    ) -> None:
        self.name = name
        self.reply = reply
        self.optional = optional
        self.nullable = nullable
        self.items = items
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def encode(self, arguments: dict[str, Any]) -> bytes:
        """The arguments that were given. None is one where it removes a value, and otherwise the same as nothing."""
        if not arguments:
            return b"{}"
        nullable = self.nullable
        return encode(
            {
                name: value
                for name, value in arguments.items()
                if value is not UNSET and (value is not None or name in nullable)
            }
        )

    def decode(self, reply: NativeReply) -> T:
        """Reads a reply."""
        if self.reply is None:
            return None  # type: ignore[return-value]
        if self._decoder is None:
            self._decoder = decoder(self.reply, _decode_other)
        body = reply.body
        if self.optional and not body.strip():
            return None  # type: ignore[return-value]
        value: T = decode(self.name, self.reply, self._decoder, reply)
        return value


def _decode_other(kind: Any, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    try:
        return kind.read(value)
    except msgspec.ValidationError as error:
        # Not passed through as it is: it names a place within the value, and is to name the value's own.
        raise ValueError(str(error)) from error


class Reply(Generic[T]):
    """A reply with what came along: the status, headers, and the body as it was received."""

    __slots__ = ("_operation", "_reply")

    def __init__(self, reply: NativeReply, operation: Operation[T] | None = None) -> None:
        self._reply = reply
        self._operation = operation

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._reply.status

    @property
    def request_id(self) -> str | None:
        """The id that Cronofy gave the request."""
        return self._reply.request_id

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by their names in lower case."""
        return self._reply.headers

    @property
    def next_page(self) -> str | None:
        """The link to the next page, for `follow`."""
        return self._reply.next_page

    @property
    def body(self) -> bytes:
        """The body as it was received."""
        return self._reply.body

    def json(self) -> Any:
        """The body as JSON; None if it is empty."""
        if not self.body.strip():
            return None
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise DecodeError(
                "the answer is not JSON; if it goes on, report it to Cronofy",
                status=self.status,
                request_id=self.request_id,
                body=self.body,
            ) from error

    def parse(self) -> T:
        """What the call itself returns: the model, for a typed call, and otherwise the JSON."""
        if self._operation is None:
            value: T = self.json()
            return value
        return self._operation.decode(self._reply)

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.body)} bytes>"


class Caller(Protocol):
    """What an area makes its calls with."""

    def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        """Makes a call."""
        ...

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> Pages[T, Any]:
        """The pages of a list."""
        ...

    def raw(self) -> Caller:
        """Returns replies in place of what is in them."""
        ...


class AsyncCaller(Protocol):
    """What an area of an asynchronous handle makes its calls with."""

    async def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        """Makes a call."""
        ...

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> AsyncPages[T, Any]:
        """The pages of a list."""
        ...

    def raw(self) -> AsyncCaller:
        """Returns replies in place of what is in them."""
        ...


class SyncCaller:
    """Makes calls on this thread."""

    __slots__ = ("handle",)

    def __init__(self, handle: Handle) -> None:
        self.handle = handle

    def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        """Makes a call."""
        return operation.decode(self.handle.send(operation.name, operation.encode(arguments)).wait())

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> Pages[T, Any]:
        """The pages of a list."""
        return Pages(self.handle, operation, operation.encode(arguments))

    def raw(self) -> Caller:
        """Returns replies in place of what is in them."""
        return _RawCaller(self.handle)


class _RawCaller(SyncCaller):
    __slots__ = ()

    def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        reply = self.handle.send(operation.name, operation.encode(arguments)).wait()
        return Reply(reply, operation)  # type: ignore[return-value]

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> Pages[T, Any]:
        raise TypeError(_PAGED)


_PAGED = "a list has a reply for each page; get the first with send(), and the others with follow()"


class Area:
    """Typed calls of one area."""

    __slots__ = ("_caller",)

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class AsyncArea:
    """Typed calls of one area, to be awaited."""

    __slots__ = ("_caller",)

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@overload
def with_raw_response(  # type: ignore[overload-overlap]  # an `async` call is the narrower one, and comes first
    method: Callable[P, Coroutine[Any, Any, T]], /
) -> Callable[P, Coroutine[Any, Any, Reply[T]]]: ...
@overload
def with_raw_response(method: Callable[P, T], /) -> Callable[P, Reply[T]]: ...
def with_raw_response(method: Callable[..., Any], /) -> Callable[..., Any]:
    """The same typed call, returning its whole reply: status, headers and body, and the model by `parse()`.

    ```python
    reply = with_raw_response(account.userinfo.read)()
    print(reply.request_id, reply.parse().sub)
    ```
    """
    area = getattr(method, "__self__", None)
    if not isinstance(area, Area | AsyncArea):
        raise TypeError("with_raw_response takes a typed call of a handle, such as account.events.upsert")
    raw: Any = type(area)(area._caller.raw())  # type: ignore[arg-type]
    call: Callable[..., Any] = getattr(raw, method.__name__)
    return call
