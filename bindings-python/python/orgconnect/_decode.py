"""Reads bodies into models. A value that can't be read does not spoil the reply that it is in: if its field may be
missing it is left out, with a warning to the logger `orgconnect`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from ._errors import DecodeError
from ._native import Reply

# More odd values than this in one reply are no accident.
_MOST = 100
_PLACE = r" - at `\$(?P<path>.*)`$"
_STEP = r"\.(?P<field>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]"

# While msgspec finds out how a class is read, it keeps what it has so far at the class, where any other thread takes it
# for all there is, and crashes. So that is found out by one at a time, and never left half done in a forked child.
_finding_out = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_finding_out.acquire, after_in_parent=_finding_out.release, after_in_child=_finding_out.release
    )


def decoder(kind: Any, read_other: Callable[[Any, Any], Any]) -> msgspec.json.Decoder[Any]:
    """A decoder for a model. Nothing is read into a model before there has been one."""
    with _finding_out:
        return msgspec.json.Decoder(kind, dec_hook=read_other)


def decode(name: str, kind: Any, decoder: msgspec.json.Decoder[Any], reply: Reply) -> Any:
    """Reads a body into a model."""
    try:
        return decoder.decode(reply.body)
    except msgspec.ValidationError as error:
        return _decode_around(name, kind, decoder, reply, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _undecodable(name, reply, "is not JSON") from error


def _decode_around(
    name: str, kind: Any, decoder: msgspec.json.Decoder[Any], reply: Reply, error: msgspec.ValidationError
) -> Any:
    """Leaves out what can't be read, one value after the other."""
    # Not at the top: they take time to load, and this is rarely needed.
    import logging
    import re

    logger = logging.getLogger("orgconnect")
    body: Any = msgspec.json.decode(reply.body)
    for _ in range(_MOST):
        place = re.search(_PLACE, str(error))
        path = place["path"] if place else ""
        if not path or not _remove(body, path):
            break
        logger.warning("%s: left out %s of the reply %s, which can't be read", name, path, reply.request_id)
        try:
            return msgspec.convert(body, kind, dec_hook=decoder.dec_hook)
        except msgspec.ValidationError as other:
            error = other
    raise _undecodable(name, reply, str(error)) from error


def _remove(body: Any, path: str) -> bool:
    """Removes the field at the end of a path. A path with a map in it leads nowhere, since it doesn't name the key."""
    import re

    steps: list[Any] = []
    for step in re.finditer(_STEP, path):
        if step["field"] is not None:
            steps.append(step["field"])
        elif step["index"] is not None:
            steps.append(int(step["index"]))
        else:
            return False
    while steps and isinstance(steps[-1], int):
        # An item of a list is not left out by itself: the list would seem to be whole.
        steps.pop()
    if not steps:
        return False
    at = body
    try:
        for step in steps[:-1]:
            at = at[step]
        del at[steps[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _undecodable(name: str, reply: Reply, why: str) -> DecodeError:
    return DecodeError(
        f"{name}: the answer can't be read: {why}; the body of this error holds it",
        status=reply.status,
        request_id=reply.request_id,
        body=reply.body,
    )
