"""Runs a scenario through the Python package: takes its steps one after the other, and compares what came with what is
expected. Everything outside the package goes through the sandbox's control API alone.
"""

from __future__ import annotations

import asyncio
import http.client
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from matching import Differs, Names, compare_requests, matches

import orgconnect
from orgconnect.testing import Sandbox

REDIRECT_URI = "http://127.0.0.1:9/callback"
VERBS = {"call", "follow", "revoke", "control", "visit", "advance", "counters"}
STEP = VERBS | {"operation", "via", "as", "with", "together", "attempts", "name", "reply", "error", "sent"}
GIVEN = {"seed", "now", "settings", "application", "connections", "faults"}


class Sync:
    """Makes calls with the synchronous client."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def client(self) -> Any:
        """A client of the sandbox's application."""
        return self._sandbox.client()

    def result(self, value: Any) -> Any:
        """What a call of the client came to."""
        return value

    def together(self, count: int, call: Any) -> list[Any]:
        """Makes a call so many times at once: what each returned or raised."""
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: _outcome(call), range(count)))

    def close(self) -> None:
        """Nothing is left open."""


class Async(Sync):
    """Makes calls with the client for asyncio."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._loop = asyncio.new_event_loop()

    def client(self) -> Any:
        """A client for asyncio."""
        return self._sandbox.async_client()

    def result(self, value: Any) -> Any:
        """Waits for what is to be awaited."""
        return self._loop.run_until_complete(value) if asyncio.iscoroutine(value) else value

    def together(self, count: int, call: Any) -> list[Any]:
        """Makes a call so many times at once: what each returned or raised."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)

        return self._loop.run_until_complete(all_of_them())

    def close(self) -> None:
        """Closes the event loop."""
        self._loop.close()


def _outcome(call: Any) -> Any:
    try:
        return call()
    except orgconnect.OrgconnectError as error:
        return error


def run(scenario: dict[str, Any], flavor: type[Sync]) -> None:
    """Runs a scenario in a world of its own."""
    given = scenario.get("given") or {}
    assert set(scenario) <= {"scenario", "given", "steps"}, "an unknown key"
    assert set(given) <= GIVEN, "an unknown key of given"
    now = given.get("now", "2031-03-03T09:00:00Z")
    at = None if now == "real" else datetime.fromisoformat(now.replace("Z", "+00:00"))
    with Sandbox(seed=given.get("seed", 7), now=at) as sandbox:
        calls = flavor(sandbox)
        try:
            runner = _Runner(sandbox, calls, given)
            for number, step in enumerate(scenario["steps"], 1):
                try:
                    runner.step(step)
                except (Differs, KeyError, orgconnect.OrgconnectError) as error:
                    raise Differs(f"step {number} ({_what(step)}): {error!r}") from error
        finally:
            calls.close()


def _what(step: dict[str, Any]) -> str:
    return " ".join(f"{verb} {step[verb]}" for verb in VERBS & set(step))


class _Runner:
    def __init__(self, sandbox: Sandbox, calls: Sync, given: dict[str, Any]) -> None:
        self._sandbox, self._calls, self._names = sandbox, calls, Names()
        if given.get("settings"):
            sandbox.settings(**given["settings"])
        self._names.put("sandbox", sandbox.url)
        self._name_people()
        internal_to = (given.get("application") or {}).get("internal_to")
        fields = {} if internal_to is None else {"internal_to": self._names.resolve(f"$organizations/{internal_to}")}
        sandbox._application = sandbox.create_application(**{"name": "Rota", **fields})
        self._names.put("application", {"client_id": sandbox.application.client_id})
        self._client = calls.client()
        self._connected: dict[str, Any] = {"client": self._client}
        self._subs: dict[str, Any] = {}
        for name, connection in sorted((given.get("connections") or {}).items()):
            self._connect(name, connection)
        for fault in given.get("faults") or []:
            sandbox.fault(**self._names.resolve(fault))
        sandbox.control("DELETE", "/sandbox/counters")

    def _name_people(self) -> None:
        ids, members, resources = {}, {}, {}
        for organization in self._sandbox.control("GET", "/sandbox/organizations")["organizations"]:
            number = organization["organization_id"]
            ids[organization["name"]] = number
            for kind, subs in (("members", members), ("resources", resources)):
                found = self._sandbox.control("GET", f"/sandbox/organizations/{number}/{kind}")[kind]
                subs.update({person["email"]: person["sub"] for person in found})
        self._names.put("organizations", ids)
        self._names.put("members", members)
        self._names.put("resources", resources)

    def _connect(self, name: str, connection: dict[str, Any]) -> None:
        ((kind, by),) = connection.items()
        client, sub = self._client, None
        if kind == "organization":
            found, sub = self._authorize(name, client.authorize(REDIRECT_URI, connection_id=name), by)
            handle = found.organization
        elif kind == "account":
            delegated = by.get("delegated_scope", "").split()
            pending = client.authorize_individual(
                REDIRECT_URI, by["scope"].split(), connection_id=name, delegated_scopes=delegated
            )
            found, sub = self._authorize(name, pending, by["by"])
            handle = found.account
        elif kind == "service_account":
            pending = client.authorize_enterprise(
                REDIRECT_URI, by["scope"].split(), by["delegated_scope"].split(), connection_id=name
            )
            found, sub = self._authorize(name, pending, by["by"])
            handle = found.service_account
        elif kind == "internal":
            handle = client.internal_organization()
        elif kind == "application_calendar":
            handle = self._calls.result(client.application_calendar(by))
            known = self._sandbox.control("GET", "/sandbox/connections")["connections"]
            sub = [one for one in known if one["kind"] == "application_calendar"][-1]["sub"]
        elif kind == "admin":
            owner = {"organization_id": self._names.resolve(f"$organizations/{by}")}
            handle = client.admin(self._sandbox.control("POST", "/sandbox/admin_api_keys", owner)["admin_api_key"])
        else:
            raise ValueError(f"there is no connection of kind {kind}")
        self._connected[name] = handle
        self._subs[name] = sub
        self._names.put("connections", self._subs)

    def _authorize(self, name: str, pending: Any, by: str) -> tuple[Any, Any]:
        callback = self._sandbox.approve(pending, by=by)
        connection = self._calls.result(self._client.complete(pending.serialize(), callback))
        assert connection.id == name
        summary = self._calls.result(connection.summary())
        return connection, summary.sub or summary.extra.get("service_account_id")

    def step(self, step: dict[str, Any]) -> None:
        """Takes a step."""
        assert set(step) <= STEP and len(VERBS & set(step)) == 1, f"a step with an unknown key, or not one verb: {step}"
        # Resolving an e-mail address reads the member list, which is no request of the step's own.
        handle = self._handle(step) if "call" in step or "follow" in step else None
        before = max((request["number"] for request in self._sandbox.requests()), default=0)
        if handle is not None:
            self._exchange(step, handle)
        elif "revoke" in step:
            [outcome] = self._attempt(1, lambda: self._client.connection(step["revoke"]).revoke())
            self._judge_error(step, outcome)
        elif "control" in step:
            method, path = self._method_and_address(step["control"])
            body = self._names.resolve(step.get("with") or {})
            self._judge_reply(step, 200, self._sandbox.control(method, path, body or None), False, None)
        elif "visit" in step:
            self._visit(step)
        elif "advance" in step:
            assert self._sandbox.clock is not None, "a scenario on the real clock can't move it"
            # The two clocks don't move at one moment: a reply that is on its way would say that the other one is wrong.
            self._calls.result(self._client.settle())
            self._sandbox.advance(step["advance"])
        elif "counters" in step:
            matches(self._names.resolve(step["counters"]), self._sandbox.counters())
        if "sent" in step:
            found = [request for request in self._sandbox.requests() if request["number"] > before]
            compare_requests(self._names.resolve(step["sent"]), found)

    def _handle(self, step: dict[str, Any]) -> Any:
        handle = self._connected[step["via"]]
        if "as" in step:
            member = self._names.resolve(step["as"])
            by_email = "@" in member
            handle = self._calls.result(handle.impersonate(email=member) if by_email else handle.impersonate(member))
        return handle.with_options(retries=step["attempts"] - 1) if "attempts" in step else handle

    def _exchange(self, step: dict[str, Any], handle: Any) -> None:
        arguments = self._names.resolve(step.get("with") or {})
        if "follow" in step:
            link = self._names.resolve(step["follow"])
            outcomes = self._attempt(step.get("together", 1), lambda: handle.follow(step["operation"], link))
        else:
            outcomes = self._attempt(step.get("together", 1), lambda: handle.send(step["call"], arguments))
        for outcome in outcomes:
            if "error" in step or isinstance(outcome, BaseException):
                self._judge_error(step, outcome)
            else:
                self._judge_reply(
                    step, outcome.status, outcome.json(), outcome.next_page is not None, not outcome.body
                )

    def _attempt(self, count: int, call: Any) -> list[Any]:
        if count == 1 and type(self._calls) is Sync:
            return [_outcome(call)]
        return self._calls.together(count, call)

    def _judge_error(self, step: dict[str, Any], outcome: Any) -> None:
        expected = step.get("error")
        if expected is None:
            if isinstance(outcome, BaseException):
                raise Differs(f"it failed: {outcome!r}") from outcome
            return
        if not isinstance(outcome, orgconnect.OrgconnectError):
            raise Differs(f"it should fail and was {outcome!r}")
        assert set(expected) <= {"kind", "status", "code", "fields", "needs_reauthorization", "transient"}
        found = {
            "kind": outcome.kind,
            "status": outcome.status,
            "code": outcome.code,
            "needs_reauthorization": outcome.needs_reauthorization,
            "transient": outcome.is_transient,
        }
        for name, value in expected.items():
            if name != "fields" and found[name] != value:
                raise Differs(f"{name} should be {value!r} of {outcome!r}")
        for field, key in (expected.get("fields") or {}).items():
            if key not in [complaint.key for complaint in outcome.fields.get(field, [])]:
                raise Differs(f"{field} should be refused with {key}, not {outcome.fields}")

    def _judge_reply(
        self, step: dict[str, Any], status: int, body: Any, next_page: bool, is_empty: bool | None
    ) -> None:
        expected = step.get("reply") or {}
        assert set(expected) <= {"status", "body", "empty", "next_page"}
        if expected.get("status", status) != status:
            raise Differs(f"the status is {status}: {body!r}")
        empty = is_empty if is_empty is not None else body is None
        if expected.get("empty", empty) != empty:
            raise Differs(f"the body should be empty, or should not be: {body!r}")
        if expected.get("next_page", next_page) != next_page:
            raise Differs("there should be a next page, or should not be")
        if "body" in expected:
            matches(self._names.resolve(expected["body"]), body)
        if "name" in step:
            self._names.put(step["name"], body)

    def _visit(self, step: dict[str, Any]) -> None:
        method, address = self._method_and_address(step["visit"])
        parts = urlsplit(address if address.startswith("http") else self._sandbox.url + address)
        headers, form = {"Accept": "text/html"}, None
        if method == "POST":
            # Browsers say where a form comes from, and the sandbox takes forms of its own pages only.
            form = urlencode(self._names.resolve(step.get("with") or {}), doseq=True)
            headers |= {"Origin": self._sandbox.url, "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        connection.request(method, parts._replace(scheme="", netloc="").geturl(), form, headers)
        response = connection.getresponse()
        page = {"location": response.getheader("location"), "text": response.read().decode()}
        connection.close()
        self._judge_reply(step, response.status, page, False, None)

    def _method_and_address(self, text: str) -> tuple[str, str]:
        method, _, address = text.partition(" ")
        return method, self._names.resolve(address)
