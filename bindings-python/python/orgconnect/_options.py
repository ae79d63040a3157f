"""The settings of a client that are made of several values."""

from __future__ import annotations

from datetime import timedelta
from os import PathLike
from typing import Any, Literal

import msgspec

DataCenter = Literal["us", "de", "uk", "au", "ca", "sg"]
"""A Cronofy data center. An application lives in exactly one."""

Seconds = float | timedelta
"""A length of time: seconds, or a `timedelta`."""

Flow = Literal["organization", "individual", "enterprise"]
"""Which of Cronofy's flows an authorization uses."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are repeated."""

    attempts: int = 3
    """How often a call is sent at the most, the first time included; 1 switches repeating off."""
    base_delay: Seconds = 0.1
    """The longest pause before the second attempt; it doubles with each further one."""
    max_delay: Seconds = 5.0
    """The longest pause before any attempt."""


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A rate that requests are held back to. The default is what Cronofy allows an application."""

    per_second: int = 50
    """Requests in a second."""
    per_minute: int = 500
    """Requests in a minute."""


Path = str | PathLike[str]


def call_options(retries: int | None, extra: dict[str, Any] | None) -> tuple[int | None, bytes | None]:
    """The options of a call as the core takes them."""
    from ._calls import encode, mapping
    from ._errors import InvalidError

    if retries is not None and not _is_count(retries):
        raise InvalidError.of("retries", "must be a whole number, and not negative; 0 switches repeating off")
    attempts = None if retries is None else retries + 1
    return attempts, None if extra is None else encode(mapping("extra", extra))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 2**31
