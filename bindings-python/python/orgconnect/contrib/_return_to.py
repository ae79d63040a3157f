"""Where a browser may be sent when an authorization is over: a path of this site, or an origin that was allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from .._errors import ConfigError, InvalidError

LONGEST = 512
"""A place to go back to travels in the cookie of the authorization, which is short."""

# Browsers drop tabs and line feeds, and read a backslash as a slash.
_VISIBLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")

# Octets that a server or proxy behind this one may take for a slash, a backslash or the end of a line once it has
# decoded them, however often.
_MISLEADING = re.compile(r"%(?:25)*(?:2f|5c|0[0-9a-f]|1[0-9a-f]|7f)", re.IGNORECASE)

# Dot segments are resolved by browsers, and may leave two slashes at the beginning: `/.//other.example`.
_DOTS = re.compile(r"(?:\.|%(?:25)*2e){1,2}", re.IGNORECASE)

_RULE = "must be a path of this site, such as /settings, or a URL on one of return_to_origins"


class ReturnTo:
    """The check of places to go back to."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        """Allows these origins beside the paths of this site.

        Raises `ConfigError`, naming `return_to_origins`, if one is no origin.
        """
        if isinstance(origins, str):
            raise _no_origins("must be several origins, in a list")
        self._origins = frozenset(_origin(entry) for entry in origins)

    def check(self, given: str) -> str:
        """The place as it is written into `Location`.

        Raises `InvalidError`, naming `return_to`, for anything else than a path of this site or a URL on an allowed
        origin.
        """
        if len(given) > LONGEST:
            raise InvalidError.of("return_to", f"must be at most {LONGEST} characters long")
        if _VISIBLE.fullmatch(given) is None:
            raise InvalidError.of("return_to", "must be visible ASCII without a backslash; percent-encode the rest")
        if given.startswith("/"):
            return self._path(given, given)
        scheme, separator, rest = given.partition("://")
        host = re.split(r"[/?#]", rest, maxsplit=1)[0]
        # The whole authority is compared: a user name or another port makes it another one.
        if not separator or f"{scheme}://{host}".lower() not in self._origins:
            raise InvalidError.of("return_to", _RULE)
        return self._path(given, rest[len(host) :])

    def _path(self, given: str, below: str) -> str:
        path = re.split(r"[?#]", below, maxsplit=1)[0]
        if "//" in path or _MISLEADING.search(path) or any(_DOTS.fullmatch(part) for part in path.split("/")):
            raise InvalidError.of("return_to", _RULE)
        return given


def _origin(entry: str) -> str:
    """An entry of the list: an origin and nothing else."""
    text = entry.removesuffix("/").lower()
    parts = urlsplit(text)
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc or text != bare:
        raise _no_origins("must be origins, such as https://app.example")
    return text


def _no_origins(why: str) -> ConfigError:
    return ConfigError.of("return_to_origins", why)
