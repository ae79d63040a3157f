"""Typed calls, pages, options, raw replies, calls by name, and batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

import orgconnect
from orgconnect import Account, Batch, Client, Organization, with_raw_response
from orgconnect.api import Invitee, ZonedTime
from orgconnect.api.events import EventsPage
from orgconnect.testing import Sandbox

START = datetime(2026, 12, 7, 9, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def calendar_id(doc: Account) -> str:
    return next(found.calendar_id for found in doc.calendars.list().calendars if not found.calendar_readonly)


def test_an_event_is_written_read_back_and_deleted(doc: Account, calendar_id: str) -> None:
    written = doc.events.upsert(
        calendar_id, event_id="1", summary="Check-up", start=START, end=START + timedelta(minutes=30)
    )
    assert written is None
    found = [event for event in doc.events.read(tzid="Europe/London", only_managed=True) if event.event_id == "1"]
    assert [event.summary for event in found] == ["Check-up"]
    assert found[0].start == START
    doc.events.delete(calendar_id, event_id="1")
    assert not [event for event in doc.events.read(tzid="Etc/UTC", only_managed=True) if event.event_id == "1"]


@pytest.mark.parametrize(
    ("start", "end", "sent"),
    [
        (date(2026, 12, 7), date(2026, 12, 8), "2026-12-07"),
        ("2026-12-07T09:00:00Z", "2026-12-07T10:00:00Z", "2026-12-07T09:00:00Z"),
        (START.replace(microsecond=250_000), START + timedelta(hours=1), "2026-12-07T09:00:00Z"),
        (START.astimezone(timezone(timedelta(hours=1))), START + timedelta(hours=1), "2026-12-07T09:00:00Z"),
        (
            ZonedTime(time=START, tzid="Europe/London"),
            ZonedTime(time=START + timedelta(hours=1), tzid="Europe/London"),
            {"time": "2026-12-07T09:00:00Z", "tzid": "Europe/London"},
        ),
    ],
    ids=["date", "text", "fraction", "offset", "zoned"],
)
def test_times_are_taken_in_every_form(
    sandbox: Sandbox, doc: Account, calendar_id: str, start: object, end: object, sent: object
) -> None:
    doc.events.upsert(calendar_id, event_id="t", summary="x", start=start, end=end)  # type: ignore[arg-type]
    import json

    assert json.loads(sandbox.requests()[-1]["body"])["start"] == sent


def test_a_naive_datetime_is_refused_before_any_io(sandbox: Sandbox, doc: Account, calendar_id: str) -> None:
    before = len(sandbox.requests())
    with pytest.raises(orgconnect.InvalidError, match="time zone") as raised:
        doc.events.upsert(calendar_id, event_id="1", summary="x", start=datetime(2026, 12, 7, 9), end=START)
    assert list(raised.value.fields) == ["start"]
    with pytest.raises(orgconnect.InvalidError, match="time zone"):
        ZonedTime(time=datetime(2026, 12, 7, 9), tzid="Europe/London")
    assert len(sandbox.requests()) == before


def test_every_wrong_argument_is_named_before_any_io(sandbox: Sandbox, doc: Account, calendar_id: str) -> None:
    before = len(sandbox.requests())
    with pytest.raises(orgconnect.InvalidError) as raised:
        doc.events.upsert(calendar_id, event_id="", summary="x", start="soon", end="later")
    assert {"start", "end", "event_id"} <= set(raised.value.fields)
    with pytest.raises(orgconnect.InvalidError):
        doc.send("events.upsert", {"calendar_id": calendar_id, "no_such_field": 1})
    with pytest.raises(orgconnect.InvalidError):
        doc.send("no.such_operation")
    assert len(sandbox.requests()) == before


def test_none_removes_what_can_be_removed_and_is_nothing_elsewhere(
    sandbox: Sandbox, doc: Account, calendar_id: str
) -> None:
    import json

    times = {"start": START, "end": START + timedelta(hours=1)}
    doc.events.upsert(calendar_id, event_id="n", summary="x", url=None, tzid=None, **times)  # type: ignore[arg-type]
    body = json.loads(sandbox.requests()[-1]["body"])
    assert body["url"] is None
    assert "tzid" not in body
    assert "description" not in body
    doc.events.upsert(calendar_id, event_id="n", summary="x", **times)  # type: ignore[arg-type]
    assert "url" not in json.loads(sandbox.requests()[-1]["body"])


def test_a_list_is_paged_by_itself_or_by_page(sandbox: Sandbox, organization: Organization) -> None:
    owner = sandbox.control("GET", "/sandbox/organizations")["organizations"][0]["organization_id"]
    sandbox.control("POST", f"/sandbox/organizations/{owner}/members/bulk", {"count": 120})
    members = organization.members.list()
    found = list(members)
    assert len(found) == 125
    assert members.all() == found
    pages = list(members.pages())
    assert len(pages) > 1
    assert members.first_page().organizational_unit_members == pages[0].organizational_unit_members
    assert sum(len(page.organizational_unit_members) for page in pages) == 125


def test_links_lead_nowhere_but_to_the_api(organization: Organization) -> None:
    with pytest.raises(orgconnect.InvalidError) as raised:
        organization.follow("organization.list_members", "https://attacker.example/v1/x")
    assert "next_page" in raised.value.fields


def test_a_raw_response_holds_status_headers_and_body_and_parses(doc: Account) -> None:
    reply = with_raw_response(doc.userinfo.read)()
    assert reply.status == 200
    assert reply.request_id is not None
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.json()["sub"] == doc.sub
    assert reply.parse().sub == doc.sub
    with pytest.raises(TypeError, match="send"):
        with_raw_response(doc.events.read)(tzid="Etc/UTC")
    with pytest.raises(TypeError, match="typed call"):
        with_raw_response(print)("x")


def test_options_are_a_view(sandbox: Sandbox, doc: Account) -> None:
    sandbox.fault(path="/v1/userinfo", status=503, times=1)
    with pytest.raises(orgconnect.ServerError):
        doc.with_options(retries=0).userinfo.read()
    sandbox.fault(path="/v1/userinfo", status=503, times=1)
    assert doc.userinfo.read().sub == doc.sub
    sandbox.fault(path="/v1/userinfo", delay_before_ms=2000, times=1)
    with pytest.raises(orgconnect.TimeoutError) as raised:
        doc.with_options(timeout=timedelta(milliseconds=50)).userinfo.read()
    assert isinstance(raised.value, TimeoutError)
    sandbox.clear_faults()
    doc.with_options(extra={"include_nonsense": True}).calendars.list()
    assert "include_nonsense=true" in sandbox.requests()[-1]["query"]


def test_a_path_that_is_not_known_is_called_by_its_name(doc: Account) -> None:
    reply = doc.request("GET", "/v1/events", query={"tzid": "Etc/UTC", "only_managed": True})
    assert "events" in reply.json()
    with pytest.raises(orgconnect.OrgconnectError):
        doc.request("GET", "https://attacker.example/v1/x")
    with pytest.raises(orgconnect.InvalidError):
        doc.request("GET\r\nX: y", "/v1/events")


def test_a_batch_has_a_verdict_for_each_entry(doc: Account, calendar_id: str) -> None:
    batch = Batch()
    batch.events.upsert(calendar_id, event_id="b1", summary="One", start=START, end=START + timedelta(hours=1))
    batch.add("events.delete", {"calendar_id": calendar_id, "event_id": "no-such-event"})
    batch.events.upsert("cal_nowhere", event_id="b2", summary="Two", start=START, end=START + timedelta(hours=1))
    assert len(batch) == 3
    with pytest.raises(orgconnect.InvalidError, match="batch"):
        batch.userinfo.read()
    assert len(batch) == 3
    verdicts = doc.send_batch(batch)
    assert [verdict.ok for verdict in verdicts] == [True, True, False]
    assert isinstance(verdicts[2].error, orgconnect.OrgconnectError)
    assert verdicts[0].error is None


def test_models_are_taken_as_arguments_and_dicts_are_too(sandbox: Sandbox, doc: Account, calendar_id: str) -> None:
    import json

    from orgconnect.api import AttendeeChanges

    changes = AttendeeChanges(invite=[Invitee(email="nurse@example.com")], remove=[])
    plain = {"invite": [{"email": "nurse@example.com"}], "remove": []}
    bodies = []
    for attendees in (changes, plain):
        doc.events.upsert(
            calendar_id,
            event_id="a",
            summary="x",
            start=START,
            end=START + timedelta(hours=1),
            attendees=attendees,  # type: ignore[arg-type]
        )
        bodies.append(json.loads(sandbox.requests()[-1]["body"])["attendees"])
    assert bodies == [plain, plain]


def test_an_operation_that_a_handle_may_not_make_is_refused(orgconnect_client: Client) -> None:
    with pytest.raises(orgconnect.InvalidError) as raised:
        orgconnect_client.send("events.read", {"tzid": "Etc/UTC"})
    assert raised.value.code == "wrong_authority"


def test_pages_know_their_type(doc: Account) -> None:
    assert isinstance(doc.events.read(tzid="Etc/UTC").first_page(), EventsPage)
    assert repr(doc.events.read(tzid="Etc/UTC")) == "<Pages of events.read>"


def test_what_can_not_be_sent_is_refused_by_its_field(doc: Account) -> None:
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    values = {"can't be sent": object(), "holds itself": round_and_round, "keys are texts": {(1, 2): 3}}
    for complaint, value in values.items():
        with pytest.raises(orgconnect.InvalidError, match=f"^summary: .*{complaint}"):
            doc.events.upsert("cal_1", event_id="e", summary=value, start=START, end=START)  # type: ignore[arg-type]
        with pytest.raises(orgconnect.InvalidError, match=f"^body: .*{complaint}"):
            doc.request("POST", "/v1/anything", body=[value])
    early = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(orgconnect.InvalidError, match=r"^from: is outside of the years") as raised:
        doc.events.read(tzid="Etc/UTC", from_=early)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("given", ["text", 7, ["name", "value"], [("name", "value")]])
def test_what_is_no_mapping_is_refused_by_its_name(doc: Account, given: Any) -> None:
    calls: dict[str, Callable[[], object]] = {
        "arguments": lambda: doc.send("userinfo.read", given),
        "query": lambda: doc.request("GET", "/v1/calendars", query=given),
        "extra": lambda: doc.with_options(extra=given),
        "claims": lambda: orgconnect.EmbedTokens("EMB_public", "ESK_secret").sign(given),
        "batch": lambda: doc.send_batch(given),
    }
    for name, call in calls.items():
        with pytest.raises(orgconnect.InvalidError, match=f"^{name}: must be a ") as raised:
            call()
        assert list(raised.value.fields) == [name]
    with pytest.raises(orgconnect.InvalidError, match=r"^arguments: must be a mapping"):
        orgconnect.Batch().add("events.delete", given)
