"""Requests of every kind, made up from the description in `api/`, right ones and wrong ones: the sandbox may refuse them,
and never fails. `ORGCONNECT_EXAMPLES` says how many are made up for each operation; the seed is fixed.
"""

import functools
import json
import os
import subprocess

import hypothesis
import pytest
import requests
import schemathesis
from conftest import DOC, OWNER, Sandbox, binary

ACCOUNT_SCOPE = "read_write"
SERVICE_SCOPE = "service_account/accounts/manage service_account/resources/manage"
EXAMPLES = int(os.environ.get("ORGCONNECT_EXAMPLES", "6"))

# Ids that stand in addresses, taken from the world, so that not every call ends at "there is no such thing".
KNOWN = {}


class Callers:
    """A credential for each authority that the description names."""

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def bearer(self, authorities):
        if "application" in authorities:
            return self.sandbox.client_secret
        if "client_credentials" in authorities:
            return None
        if "connection" in authorities:
            return self.token(ACCOUNT_SCOPE, DOC)
        if "organization" in authorities:
            return self.token("organizational_unit_scheduler", OWNER)
        if "service_account" in authorities:
            path = "enterprise_connect/oauth/authorize"
            return self.token(SERVICE_SCOPE, OWNER, path=path, delegated_scope="read_write")
        return self.admin_key()

    @functools.cache
    def token(self, scope, approver, **more):
        code = self.sandbox.code(self.sandbox.authorization_url(scope, **more), approver)
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9/callback"}
        credentials = {"client_id": self.sandbox.client_id, "client_secret": self.sandbox.client_secret}
        reply = self.call("POST", "/oauth/token", None, {**fields, **credentials})
        return reply["access_token"]

    @functools.cache
    def admin_key(self):
        organization = self.sandbox.control("GET", "organizations")["organizations"][0]["organization_id"]
        return self.sandbox.control("POST", "admin_api_keys", {"organization_id": organization})["admin_api_key"]

    def call(self, method, path, bearer, body=None):
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        reply = requests.request(method, self.sandbox.url + path, json=body, headers=headers, timeout=10)
        reply.raise_for_status()
        return reply.json() if reply.content else None


def description():
    printed = subprocess.run([binary("describe")], stdout=subprocess.PIPE, check=True)
    return json.loads(printed.stdout)


@pytest.fixture(scope="module")
def callers():
    running = Sandbox()
    callers = Callers(running)
    token = callers.token(ACCOUNT_SCOPE, DOC)
    calendar = callers.call("GET", "/v1/calendars", token)["calendars"][0]
    event = {"event_id": "1", "summary": "Known", "start": "2031-03-04T09:00:00Z", "end": "2031-03-04T10:00:00Z"}
    callers.call("POST", f"/v1/calendars/{calendar['calendar_id']}/events", token, event)
    external = callers.call("GET", "/v1/events?tzid=Etc/UTC", token)["events"][0]
    KNOWN.update(
        calendar_id=calendar["calendar_id"],
        profile_id=calendar["profile_id"],
        event_uid=external["event_uid"],
        availability_rule_id="default",
        bookable_event_id="course",
        registration_id="robin",
    )
    yield callers
    running.stop()


schema = schemathesis.openapi.from_dict(description())


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_no_request_makes_the_sandbox_fail(callers, case):
    bearer = callers.bearer(case.operation.definition.raw["x-authorities"])
    if bearer:
        case.headers["Authorization"] = f"Bearer {bearer}"
    elif isinstance(case.body, dict):
        case.body["client_id"] = callers.sandbox.client_id
        case.body["client_secret"] = callers.sandbox.client_secret
    answer(callers, case)
    known = {name: KNOWN[name] for name in case.path_parameters or {} if name in KNOWN}
    if known:
        case.path_parameters.update(known)
        answer(callers, case)


def answer(callers, case):
    reply = case.call(base_url=callers.sandbox.url, timeout=10)
    assert reply.status_code < 500, f"{case.as_curl_command()}\n{reply.status_code} {reply.text}"


def test_every_operation_of_the_description_is_tried():
    described = description()
    paths = sum(method in ("get", "post", "delete") for item in described["paths"].values() for method in item)
    assert sum(1 for _ in schema.get_all_operations()) == paths > 0
