"""Exceptions: one tree, what they carry, and what they don't."""

from __future__ import annotations

import pickle

import pytest

import orgconnect
from orgconnect import Account, Client, OrgconnectError
from orgconnect.testing import Sandbox

KINDS = {
    "config",
    "authorization",
    "permission",
    "not_found",
    "invalid",
    "rate_limited",
    "locked",
    "plan",
    "server",
    "network",
    "timeout",
    "decode",
    "store",
}


def test_every_kind_has_a_class_under_one_root() -> None:
    classes = [
        kind for kind in vars(orgconnect).values() if isinstance(kind, type) and issubclass(kind, OrgconnectError)
    ]
    assert {kind.kind for kind in classes if kind is not OrgconnectError} == KINDS
    for kind in classes:
        words = kind.kind.title().replace("_", "")
        assert kind is OrgconnectError or kind.__name__ == f"{words}Error"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (402, orgconnect.PlanError),
        (403, orgconnect.PermissionError),
        (404, orgconnect.NotFoundError),
        (422, orgconnect.InvalidError),
        (423, orgconnect.LockedError),
        (500, orgconnect.ServerError),
    ],
)
def test_a_status_is_an_exception(sandbox: Sandbox, doc: Account, status: int, kind: type[OrgconnectError]) -> None:
    sandbox.fault(path="/v1/userinfo", status=status, times=1)
    with pytest.raises(kind) as raised:
        doc.with_options(retries=0).userinfo.read()
    assert raised.value.status == status
    assert raised.value.kind in str(kind.kind)


def test_too_many_requests_say_how_long_to_wait(sandbox: Sandbox) -> None:
    doc = sandbox.connect(sandbox.client()).organization.impersonate(email="doc@example.com")
    sandbox.fault(path="/v1/userinfo", status=429, retry_after=17, times=1)
    with pytest.raises(orgconnect.RateLimitedError) as raised:
        doc.with_options(retries=0).userinfo.read()
    assert raised.value.retry_after == pytest.approx(17, abs=1)
    assert raised.value.is_transient


def test_complaints_are_named_by_field(sandbox: Sandbox, doc: Account) -> None:
    body = {"errors": {"summary": [{"key": "errors.required", "description": "must be given"}]}}
    sandbox.fault(path="/v1/userinfo", status=422, body={"json": body}, times=1)
    with pytest.raises(orgconnect.InvalidError) as raised:
        doc.userinfo.read()
    assert raised.value.fields == {"summary": [("errors.required", "must be given")]}
    assert raised.value.body is not None
    assert "must be given" not in repr(raised.value) or "summary" in str(raised.value)


def test_what_lies_behind_an_error_is_its_cause() -> None:
    client = Client("id", "secret", base_url="http://127.0.0.1:9", retry=orgconnect.RetryPolicy(attempts=1))
    with pytest.raises(orgconnect.NetworkError) as raised:
        client.internal_organization().members.list().all()
    assert raised.value.code == "unreachable"
    cause = raised.value.__cause__
    texts = []
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    assert any("refused" in text for text in texts), texts


def test_an_exception_is_pickled_with_all_that_it_carries() -> None:
    error = orgconnect.RateLimitedError(
        "wait", status=429, retry_after=3.0, request_id="r", body=b"x", is_transient=True
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is orgconnect.RateLimitedError
    assert vars(copy) == vars(error)
    assert repr(copy) == "RateLimitedError('wait', status=429, retry_after=3.0, request_id='r')"


def test_builtin_exceptions_catch_their_namesakes(sandbox: Sandbox, doc: Account) -> None:
    sandbox.fault(path="/v1/userinfo", status=403, times=1)
    with pytest.raises(PermissionError):
        doc.userinfo.read()


def test_a_body_is_carried_and_not_shown(sandbox: Sandbox, doc: Account) -> None:
    sandbox.fault(path="/v1/userinfo", status=500, body={"text": "patient: Jane Roe"}, times=1)
    with pytest.raises(orgconnect.ServerError) as raised:
        doc.with_options(retries=0).userinfo.read()
    assert raised.value.body == b"patient: Jane Roe"
    assert "Jane" not in f"{raised.value} {raised.value!r}"
