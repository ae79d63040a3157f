"""Models: values, open enums, unions, secrets, and what is done about a reply that is not quite right."""

from __future__ import annotations

import copy
import logging
import pickle
from datetime import date, datetime, timezone
from typing import Any

import msgspec
import pytest

import orgconnect
from orgconnect import Account, Secret
from orgconnect.api import Reminder, Transparency, ZonedTime
from orgconnect.api.events import Event, EventsPage
from orgconnect.testing import Sandbox
from programs import run


def test_models_are_values() -> None:
    one, other = Reminder(minutes=30), Reminder(minutes=30)
    assert one == other != Reminder(minutes=0)
    assert repr(one) == "Reminder(minutes=30)"
    assert pickle.loads(pickle.dumps(one)) == one == copy.deepcopy(one)
    match one:
        case Reminder(minutes=minutes):
            assert minutes == 30


def test_a_page_of_events_is_pickled_whole(doc: Account) -> None:
    page = doc.events.read(tzid="Europe/London", include_managed=True).first_page()
    assert page.events
    assert pickle.loads(pickle.dumps(page)) == page


def test_an_enum_is_a_text_and_open() -> None:
    assert Transparency("opaque") is Transparency.OPAQUE
    assert Transparency.OPAQUE == "opaque"
    assert {"opaque": 1}[Transparency.OPAQUE] == 1
    new = Transparency("see-through")
    assert (new, str(new), repr(new)) == ("see-through", "see-through", "Transparency('see-through')")
    assert new == Transparency("see-through")
    assert pickle.loads(pickle.dumps(new)) == new == copy.deepcopy(new)
    assert new not in list(Transparency)
    assert msgspec.json.encode(new) == b'"see-through"'
    with pytest.raises(ValueError, match="7"):
        Transparency(7)


def answer(sandbox: Sandbox, doc: Account, body: Any) -> EventsPage:
    sandbox.fault(path="/v1/events", status=200, body={"json": body}, times=1)
    return doc.events.read(tzid="Etc/UTC").first_page()


PAGES = {"current": 1, "total": 1}


def event(**fields: Any) -> dict[str, Any]:
    return {"calendar_id": "cal_1", "event_uid": "evt_1", **fields}


def test_starts_and_ends_are_dates_times_or_zoned(sandbox: Sandbox, doc: Account) -> None:
    zoned = {"time": "2026-12-05T15:30:00+01:00", "tzid": "Europe/Paris"}
    starts = ["2026-12-05", "2026-12-05T15:30:00Z", zoned, {"time": "2026-12-05", "tzid": "Europe/Paris"}]
    page = answer(sandbox, doc, {"pages": PAGES, "events": [event(start=start) for start in starts]})
    instant = datetime(2026, 12, 5, 14, 30, tzinfo=timezone.utc)
    assert [found.start for found in page.events] == [
        date(2026, 12, 5),
        datetime(2026, 12, 5, 15, 30, tzinfo=timezone.utc),
        ZonedTime(time=instant, tzid="Europe/Paris"),
        ZonedTime(time=date(2026, 12, 5), tzid="Europe/Paris"),
    ]


def test_what_cronofy_adds_is_passed_over(sandbox: Sandbox, doc: Account) -> None:
    page = answer(sandbox, doc, {"pages": PAGES, "news": 1, "events": [event(transparency="glass", colour=[1])]})
    assert page.events[0].transparency == "glass"


@pytest.mark.parametrize("odd", ["soon", "", "12026-12-07T09:00:00Z", 7, {"time": "x"}])
def test_an_odd_value_does_not_spoil_its_page(
    sandbox: Sandbox, doc: Account, caplog: pytest.LogCaptureFixture, odd: Any
) -> None:
    events = [event(start=odd, created="never"), event(start="2026-12-05", summary="Fine")]
    with caplog.at_level(logging.WARNING, "orgconnect"):
        page = answer(sandbox, doc, {"pages": PAGES, "events": events})
    assert (page.events[0].start, page.events[0].created) == (None, None)
    assert (page.events[1].start, page.events[1].summary) == (date(2026, 12, 5), "Fine")
    assert "events[0].start" in caplog.text


def test_a_reply_without_what_is_promised_is_an_error_that_holds_it(sandbox: Sandbox, doc: Account) -> None:
    with pytest.raises(orgconnect.DecodeError) as raised:
        answer(sandbox, doc, {"pages": "none", "events": []})
    assert raised.value.body is not None
    assert b'"none"' in raised.value.body
    assert "none" not in str(raised.value)
    sandbox.fault(path="/v1/userinfo", status=200, body={"text": "<html>"}, times=1)
    with pytest.raises(orgconnect.DecodeError) as raised:
        doc.userinfo.read()
    assert raised.value.body == b"<html>"


def test_null_and_absent_are_the_same_in_replies(sandbox: Sandbox, doc: Account) -> None:
    page = answer(sandbox, doc, {"pages": PAGES, "events": [event(summary=None, location=None)]})
    assert page.events[0] == Event(calendar_id="cal_1", event_uid="evt_1")


def test_a_secret_is_not_seen() -> None:
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret == Secret("canary") != Secret("other")
    assert secret != "canary"
    assert secret.expose() == "canary"
    assert copy.deepcopy([secret]) == [secret]
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)


def test_secrets_in_models_are_not_seen(sandbox: Sandbox) -> None:
    client = sandbox.client()
    account = sandbox.connect(client, by="doc@example.com", scopes=["read_events"]).account
    reply = account.link_tokens.create()
    assert isinstance(reply.link_token, Secret)
    assert reply.link_token.expose() not in repr(reply)


# Each model is read for the first time by all threads at once, each of which may be interrupted at any step of it.
FIRST = """
import importlib, sys, threading
from functools import partial
import orgconnect
from orgconnect import _calls, api
sys.setswitchinterval(1e-6)
class Reply:
    status, request_id = 200, None
    body = b'{"start": {"time": "2031-03-03", "tzid": "Etc/UTC"}, "events": [{"calendar_id": "c", "event_uid": "e"}]}'
modules = [importlib.import_module(f"orgconnect.api.{area}") for area in api.AREAS]
found = [value for module in modules for value in vars(module).values()]
reads = [partial(operation.decode, Reply) for operation in found if isinstance(operation, _calls.Operation)]
unions = [kind for kind in vars(api.shared).values() if hasattr(kind, "read")]
reads += [partial(union.read, {"time": "2031-03-03", "tzid": "Etc/UTC"}) for union in unions]
start = threading.Barrier(8)
def work():
    for read in reads:
        start.wait()
        try:
            read()
        except (orgconnect.DecodeError, ValueError):
            pass
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(reads) > 60, len(unions) > 0)
"""


def test_models_may_be_read_for_the_first_time_by_many_threads_at_once() -> None:
    for _ in range(3):
        assert run(FIRST) == "True True\n"
