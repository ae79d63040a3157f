"""What models are made of: their base, open enums, secrets, and the times that calls take."""

from __future__ import annotations

import abc
import enum
from datetime import date, datetime, timezone
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ._decode import decoder
from ._errors import InvalidError

__all__ = ["UNSET", "Model", "OpenEnum", "Secret", "UnsetType"]

T = TypeVar("T")


class Model(msgspec.Struct, omit_defaults=True, repr_omit_defaults=True):
    """The base of all models: compared by value, shown by its fields, taken apart by `match`, and pickled.

    Fields that Cronofy adds later are passed over; they are in the body of the reply.
    """


class OpenEnum(str, enum.Enum):
    """A text, mostly one of these. A value that is not known here passes through: it is no member, and equal to its
    text.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        other = str.__new__(cls, value)
        other._name_ = value
        other._value_ = value
        return other

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class Secret:
    """A text that must not be seen: it can't be printed, pickled, or compared by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def expose(self) -> str:
        """Hands out the text itself. Every use of it is a place to look at in a review."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Not at the top: what it needs takes time to load, and few programs compare secrets.
        from hmac import compare_digest

        return compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; call expose() if its text must leave the program")


def instant(field: str, value: Any) -> Any:
    """A time as Cronofy takes it: in UTC and without a fraction of a second. Texts are left to the core's check."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise InvalidError.of(
            field,
            "is a datetime without a time zone; give it one, as in datetime.now(timezone.utc) or "
            'datetime(2030, 1, 31, 9, tzinfo=ZoneInfo("Europe/London"))',
        )
    try:
        return value.astimezone(timezone.utc).replace(microsecond=0)
    except OverflowError:
        # Such as datetime.max west of Greenwich.
        raise InvalidError.of(field, "is outside of the years 1 to 9999 in UTC") from None


def instants(field: str, values: Any) -> Any:
    """Times as Cronofy takes them."""
    if values is None or values is UNSET:
        return values
    return [instant(field, value) for value in values]


def day(field: str, value: Any) -> Any:
    """A date as Cronofy takes it."""
    if isinstance(value, datetime):
        raise InvalidError.of(field, "is a datetime where a date is meant; take its .date()")
    return value


def read_day(text: object) -> date:
    """Reads a date, and nothing that is longer than one."""
    if not isinstance(text, str) or len(text) != 10:
        raise ValueError("is no date")
    return date.fromisoformat(text)


def read_instant(text: object) -> datetime:
    """Reads a time with its offset."""
    if not isinstance(text, str) or len(text) <= 10:
        raise ValueError("is no time")
    value = _from_iso(text)
    if value.tzinfo is None:
        raise ValueError("is a time without an offset")
    return value


def read_day_or_instant(text: object) -> date | datetime:
    """Reads a date or a time, whichever it is."""
    if isinstance(text, str) and len(text) == 10:
        return date.fromisoformat(text)
    return read_instant(text)


def _from_iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # What Python 3.10 does not read: `Z`, and fractions of other lengths than 3 and 6.
        value: datetime = msgspec.convert(text, datetime)
        return value


def _read_inner(kind: Any, value: Any) -> Any:
    return kind.read(value)


def union(name: str, *members: type[Any]) -> type[Any]:
    """A type that is one of several, for unions that msgspec can't tell apart: texts by their format, a date before a
    time, and objects by their required fields, the first that fits.
    """
    models = [member for member in members if issubclass(member, msgspec.Struct)]
    has_day = date in members
    required: dict[type[Any], frozenset[str]] = {}

    def read(value: Any) -> Any:
        if isinstance(value, str):
            return read_day_or_instant(value) if has_day else read_instant(value)
        if isinstance(value, dict):
            for model in models:
                wanted = required.get(model)
                if wanted is None:
                    decoder(model, _read_inner)
                    fields = msgspec.structs.fields(model)
                    wanted = required[model] = frozenset(field.encode_name for field in fields if field.required)
                if wanted <= value.keys():
                    return msgspec.convert(value, model, dec_hook=_read_inner)
        raise ValueError(f"is no {name}")

    either: Any = abc.ABCMeta(name, (), {"read": staticmethod(read), "__module__": __name__, "__slots__": ()})
    for member in members:
        either.register(member)
    kind: type[Any] = either
    return kind
