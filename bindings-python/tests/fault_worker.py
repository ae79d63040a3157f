"""The worker in Python for the fault suite: uses one connection as its last argument says; `tests/faults/README.md` says how."""

from __future__ import annotations

import collections
import json
import os
import sys
import time

import orgconnect
import orgconnect.stores


def main() -> None:
    """Makes the calls and says how they ended."""
    command, times, at_once, pause = [*" ".join(sys.argv[1:]).split(), "1", "0"][:4]
    if command != "calls" or at_once != "1":
        raise SystemExit(f"there is no command {sys.argv[1:]}")
    setting = os.environ
    token_timeout = setting.get("ORGCONNECT_TOKEN_TIMEOUT_MS")
    client = orgconnect.Client(
        client_id=setting["ORGCONNECT_CLIENT_ID"],
        client_secret=setting["ORGCONNECT_CLIENT_SECRET"],
        base_url=setting["ORGCONNECT_BASE_URL"],
        store=orgconnect.stores.open(setting["ORGCONNECT_STORE"]),
        token_timeout=None if token_timeout is None else int(token_timeout) / 1000,
    )
    with client:
        organization = client.organization(setting["ORGCONNECT_CONNECTION"])
        errors: collections.Counter[str] = collections.Counter()
        for _ in range(int(times)):
            try:
                organization.send("organization.list_members")
            except orgconnect.OrgconnectError as error:
                errors[error.code or error.kind] += 1
            time.sleep(int(pause) / 1000)
    print(json.dumps({"calls": int(times), "failed": errors.total(), "errors": errors}), flush=True)


main()
