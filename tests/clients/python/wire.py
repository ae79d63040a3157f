"""Requests as they went over the wire, reduced to what matters when two clients are compared."""

import json
import urllib.parse

# What tells clients apart in any case, or belongs to the connection and not to the request.
OWN = {"user-agent", "accept", "accept-encoding", "host", "connection", "content-length", "authorization"}


def view(request):
    """One recorded request: paths and queries decoded, bodies as JSON, the credential by whose it is."""
    headers = dict(request["headers"])
    try:
        body = json.loads(request["body"])
    except ValueError:
        body = request["body"]
    return {
        "method": request["method"],
        "path": urllib.parse.unquote(request["path"]),
        "query": urllib.parse.parse_qs(request["query"], keep_blank_values=True),
        "body": body,
        "headers": {name: value for name, value in headers.items() if name not in OWN},
        "bearer": bearer(headers.get("authorization")),
    }


def bearer(authorization):
    if authorization is None:
        return "none"
    if authorization.startswith("Bearer CRN_"):
        return "client secret"
    # The recorder shows six letters of a token, and less of a word such as `None`.
    return "access token" if len(authorization) == len("Bearer 123456…") else "something else"


ABSENT = "(absent)"


def difference(theirs, ours):
    """What the first of two requests has otherwise, by where: `{"body.buffer": (theirs, ours)}`."""
    found = {}
    _compare(view(theirs), view(ours), "", found)
    return found


def _compare(theirs, ours, place, found):
    if isinstance(theirs, dict) and isinstance(ours, dict) and (theirs or ours):
        for name in {**theirs, **ours}:
            inner = f"{place}.{name}" if place else name
            _compare(theirs.get(name, ABSENT), ours.get(name, ABSENT), inner, found)
    elif theirs != ours:
        found[place] = (theirs, ours)
