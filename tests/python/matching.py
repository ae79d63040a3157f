"""Compares what came with what is expected, and looks up what a scenario refers to: `tests/README.md` says how."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ABSENT = object()


class Differs(AssertionError):
    """Something is not as expected."""


def matches(expected: Any, found: Any, at: str = "") -> None:
    """Says where a value is not what is expected."""
    if isinstance(expected, dict) and len(expected) == 1:
        key, operand = next(iter(expected.items()))
        if key.startswith("$"):
            return _apply(key[1:], operand, found, at)
    if found is ABSENT:
        raise Differs(f"{at}: is absent and should be {expected!r}")
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            matches(value, found.get(key, ABSENT), f"{at}/{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            raise Differs(f"{at}: has {len(found)} items and should have {len(expected)}: {found!r}")
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            matches(one, other, f"{at}/{index}")
    elif not _same(expected, found):
        raise Differs(f"{at}: is {found!r} and should be {expected!r}")
    return None


def _same(expected: Any, found: Any) -> bool:
    return expected == found and isinstance(expected, bool) == isinstance(found, bool)


def _fits(expected: Any, found: Any) -> bool:
    try:
        matches(expected, found)
    except Differs:
        return False
    return True


_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _is(kind: str, found: Any) -> bool:
    if kind in ("integer", "number"):
        number = isinstance(found, int | float) and not isinstance(found, bool)
        return number and (kind == "number" or float(found).is_integer())
    return isinstance(found, _TYPES[kind])


def _apply(rule: str, operand: Any, found: Any, at: str) -> None:
    if rule == "absent":
        if (found is ABSENT or found is None) != operand:
            raise Differs(f"{at}: is {'there' if operand else 'absent'}")
        return
    if found is ABSENT:
        raise Differs(f"{at}: is absent")
    if rule == "length":
        return matches(operand, len(found), f"{at}/length")
    if rule == "exactly":
        matches(operand, found, at)
        holds = not isinstance(operand, dict) or len(operand) == len(found)
    elif rule == "is":
        holds = _is(operand, found)
    elif rule == "matches":
        holds = isinstance(found, str) and re.search(operand, found) is not None
    elif rule == "contains":
        holds = all(any(_fits(wanted, item) for item in found) for wanted in operand)
    elif rule == "lacks":
        holds = not any(_fits(operand, item) for item in found)
    elif rule == "not":
        holds = not _fits(operand, found)
    elif rule == "at_least":
        holds = found >= operand
    elif rule == "at_most":
        holds = found <= operand
    else:
        raise ValueError(f"there is no rule ${rule}")
    if not holds:
        raise Differs(f"{at}: is {found!r} and should be {{${rule}: {operand!r}}}")


class Names:
    """What a scenario may refer to: `$name/path` is a value, `${name/path}` a part of a text."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def put(self, name: str, value: Any) -> None:
        """Gives a value a name; a later one takes the place of an earlier one."""
        self._values[name] = value

    def resolve(self, value: Any) -> Any:
        """The value with every reference replaced by what it refers to."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        return value

    def _text(self, text: str) -> Any:
        if text.startswith("$$"):
            return text[1:]
        if text.startswith("$") and not text.startswith("${"):
            return self._find(text[1:])
        return re.sub(r"\$\{([^}]*)\}", lambda found: _words(self._find(found[1])), text)

    def _find(self, reference: str) -> Any:
        name, *path = reference.split("/")
        value = self._values[name]
        for step in path:
            value = _descend(value, step)
        return value


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _descend(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value[step]
    if isinstance(value, list):
        field, is_search, text = step.partition("=")
        if is_search:
            return next(item for item in value if item.get(field) == text)
        return value[int(step)]
    if step.startswith("?"):
        return dict(parse_qsl(urlsplit(value).query))[step[1:]]
    return value.split("/")[int(step)]


def view(recorded: dict[str, Any]) -> dict[str, Any]:
    """A recorded request as scenarios see it: path and query decoded, headers by name, the body as JSON."""
    try:
        body = json.loads(recorded["body"] or "")
    except ValueError:
        body = recorded["body"]
    query: dict[str, Any] = {}
    for name, value in parse_qsl(recorded["query"] or "", keep_blank_values=True):
        if name.endswith("[]"):
            query.setdefault(name, []).append(value)
        else:
            query[name] = value
    kept = ("method", "status", "application", "connection", "impersonated")
    return {
        **{name: recorded.get(name) for name in kept},
        "path": unquote(recorded["path"]),
        "query": query,
        "headers": dict(recorded["headers"]),
        "body": body,
    }


def compare_requests(expected: list[Any], found: list[dict[str, Any]]) -> None:
    """Compares the requests that a step caused with those that are expected, all of them and in order."""
    seen = [view(request) for request in found]
    if len(seen) != len(expected):
        lines = ", ".join(f"{request['method']} {request['path']}" for request in seen)
        raise Differs(f"{len(seen)} requests were sent and should be {len(expected)}: {lines}")
    for number, (wanted, request) in enumerate(zip(expected, seen, strict=True), 1):
        strict = {**wanted, "query": {"$exactly": wanted["query"]}} if "query" in wanted else wanted
        matches(strict, request, f"request {number}: ")
