"""What the migration guide shows side by side makes the same requests, but for the differences that it states."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pycronofy
import pytest

import orgconnect
from orgconnect.api import shared
from orgconnect.testing import REDIRECT_URI, Sandbox

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT.parent / "tests" / "clients" / "python"))

from wire import ABSENT, difference  # noqa: E402

GUIDE = (ROOT / "docs" / "migrating-from-pycronofy.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", GUIDE, re.DOTALL | re.MULTILINE))
SCOPES = [
    *("read_account", "list_calendars", "read_events", "create_event", "delete_event"),
    *("create_calendar", "change_participation_status"),
]
START, END = (datetime(2031, 3, 4, hour, tzinfo=timezone.utc) for hour in (9, 12))
SIGNED = b'{"example":"well-known"}'

# What the guide says of every method: no body where there is nothing to say, and the character set of JSON.
EVERYWHERE: dict[str, list[tuple[Any, Any]]] = {
    "body": [({}, "")],
    "headers.content-type": [
        ("application/json", ABSENT),
        ("application/json", "application/json; charset=utf-8"),
    ],
}

# Where the requests of a method differ besides. The guide says why.
BUFFER_AND_PERIODS = {"body.buffer", "body.available_periods", "body.query_periods"}
BELOW = {place.replace("body.", "body.availability.") for place in BUFFER_AND_PERIODS}
DIFFERENT: dict[str, set[str]] = {
    "get_authorization_from_code": {"bearer"},
    "refresh_authorization": {"bearer"},
    "revoke_authorization": {"bearer", "body.token"},
    "application_calendar": {"bearer"},
    "read_events": {
        *("query.include_managed", "query.only_managed", "query.include_deleted", "query.include_moved"),
        *("query.include_geo", "query.localized_times"),
    },
    "read_free_busy": {"query.include_managed", "query.localized_times"},
    "delete_all_events": {"query.calendar_ids[]", "body.calendar_ids"},
    "availability": {"bearer", *BUFFER_AND_PERIODS},
    "sequenced_availability": {"bearer", "body.sequence", "body.available_periods", "body.query_periods"},
    "real_time_scheduling": BELOW,
    "real_time_sequencing": {"body.availability.sequence", *(BELOW - {"body.availability.buffer"})},
    "upsert_smart_invite": {"body.method"},
}

# What makes no request, or an address in place of one.
WITHOUT_REQUEST = {
    *("user_auth_link", "is_authorization_expired", "hmac_valid", "validate", "translate_available_periods"),
}


@dataclass
class Side:
    """One of the two sides, with a sandbox of its own in which everything has the same ids."""

    sandbox: Sandbox
    names: dict[str, Any] = field(default_factory=dict)

    def prepare(self, section: str) -> None:
        """Makes what the code of a section takes for granted."""
        application = self.sandbox.application
        client = self.sandbox.client()
        pending = client.authorize_individual(REDIRECT_URI, SCOPES, connection_id="doc")
        callback = self.sandbox.approve(pending, by="doc@example.com")
        service = client.authorize_enterprise(
            REDIRECT_URI, ["service_account/accounts/manage", "service_account/resources/manage"], ["read_write"]
        )
        service_callback = self.sandbox.approve(service)
        self.names = {
            **vars(shared),
            "Batch": orgconnect.Batch,
            "pycronofy": pycronofy,
            "client": client,
            "pending": pending,
            "callback_url": "http://127.0.0.1:9/hook",
            "redirect_uri": REDIRECT_URI,
            "state": "a-state-of-its-own",
            "start": START,
            "end": END,
            "start_text": "2031-03-04T09:00:00Z",
            "end_text": "2031-03-04T12:00:00Z",
            "period": {"start": START, "end": END},
            "event": {
                **{"event_id": "1", "summary": "Check-up", "description": "", "tzid": "Europe/London"},
                **{"start": START, "end": END},
            },
            "body": SIGNED,
            "cronofy": pycronofy.Client(application.client_id, application.client_secret.expose()),
            "service": pycronofy.Client(application.client_id, application.client_secret.expose()),
        }
        self.connect(section, pending, callback, service, service_callback)

    def connect(self, section: str, pending: Any, callback: str, service: Any, service_callback: str) -> None:
        raise NotImplementedError

    def read_ids(self, account: orgconnect.Account, section: str) -> None:
        calendars = account.calendars.list().calendars
        clinic = next(found for found in calendars if found.calendar_name == "Clinic")
        external = next(event for event in account.events.read(tzid="UTC") if event.summary == "Planning the new wing")
        self.names.update(
            account=account,
            sub=account.userinfo.read().sub,
            calendar_id=calendars[0].calendar_id,
            clinic_calendar_id=clinic.calendar_id,
            profile_id=account.profiles.list().profiles[0].profile_id,
            event_uid=external.event_uid,
        )
        if section in BEFORE:
            BEFORE[section](self)
        self.sandbox.control("DELETE", "/sandbox/requests")

    def run(self, code: str) -> dict[str, Any] | None:
        """Runs one side, and returns the last request that it made."""
        exec(code, self.names)
        requests = [request for request in self.sandbox.requests() if not request["path"].startswith("/sandbox")]
        return requests[-1] if requests else None


class Theirs(Side):
    """pycronofy's side. Ids are read with tokens of its own, given to a client of ours that refreshes nothing."""

    def connect(self, section: str, pending: Any, callback: str, service: Any, service_callback: str) -> None:
        if section != "get_authorization_from_code":
            self.names["cronofy"].get_authorization_from_code(code(callback), REDIRECT_URI)
        self.names["service"].get_authorization_from_code(code(service_callback), REDIRECT_URI)
        self.names["code"] = code(callback)
        self.names["signature"] = signature(self.sandbox)
        if section != "get_authorization_from_code":
            self.read_ids(reader(self.sandbox), section)


class Ours(Side):
    """Our side."""

    def connect(self, section: str, pending: Any, callback: str, service: Any, service_callback: str) -> None:
        client = self.names["client"]
        self.names["callback_url" if section == "get_authorization_from_code" else "_"] = callback
        if section != "get_authorization_from_code":
            client.complete(pending, callback)
        self.names["service_account"] = client.complete(service, service_callback).service_account
        self.names["signature"] = signature(self.sandbox)
        if section != "get_authorization_from_code":
            self.read_ids(reader(self.sandbox), section)
            self.names["account"] = client.account("doc")


def reader(sandbox: Sandbox) -> orgconnect.Account:
    """The same person through another connection of the same application."""
    return sandbox.connect(sandbox.client(), by="doc@example.com", scopes=SCOPES).account


def code(callback: str) -> str:
    return parse_qs(urlsplit(callback).query)["code"][0]


def signature(sandbox: Sandbox) -> str:
    import base64
    import hashlib
    import hmac

    secret = sandbox.application.client_secret.expose().encode()
    return base64.b64encode(hmac.new(secret, SIGNED, hashlib.sha256).digest()).decode()


def grant_clinic(side: Side) -> None:
    side.sandbox.control(
        "POST",
        "/sandbox/permissions",
        {
            "client_id": side.sandbox.application.client_id,
            "calendar_id": side.names["clinic_calendar_id"],
            "permission_level": "unrestricted",
        },
    )


def make_channel(side: Side) -> None:
    made = side.names["account"].channels.create(callback_url="http://127.0.0.1:9/hook")
    side.names["channel_id"] = made.channel.channel_id


def make_rule(side: Side) -> None:
    from orgconnect.api.availability_rules import WeeklyPeriod

    period = WeeklyPeriod(day="monday", start_time="09:30", end_time="12:30")
    side.names["account"].availability_rules.upsert(
        availability_rule_id="default", tzid="Europe/London", weekly_periods=[period]
    )


def make_event(side: Side) -> None:
    side.names["account"].events.upsert(
        side.names["calendar_id"], event_id="1", summary="Check-up", start=START, end=END
    )


def make_link(side: Side) -> None:
    scope = dict(side.names)
    exec(blocks("real_time_scheduling")[1], scope)
    side.names["link_id"] = scope["link"].real_time_scheduling.real_time_scheduling_id


def make_invite(side: Side) -> None:
    exec(blocks("upsert_smart_invite")[1], dict(side.names))


BEFORE: dict[str, Callable[[Side], None]] = {
    "delete_external_event": grant_clinic,
    "close_notification_channel": make_channel,
    "list_availability_rules": make_rule,
    "get_availability_rule": make_rule,
    "delete_availability_rule": make_rule,
    "delete_event": make_event,
    "get_real_time_scheduling_status": make_link,
    "disable_real_time_scheduling_link": make_link,
    "get_smart_invite": make_invite,
    "cancel_smart_invite": make_invite,
}


def blocks(section: str) -> list[str]:
    found: list[str] = re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)
    assert [block.split("\n")[0] for block in found] == ["# pycronofy", "# orgconnect"]
    return found


def test_every_method_of_pycronofy_is_in_the_guide() -> None:
    methods = {name for name in vars(pycronofy.Client) if not name.startswith(("_", "map_"))}
    assert methods - {"translate_query_slots"} == set(SECTIONS)
    assert "translate_query_slots" in SECTIONS["translate_available_periods"]


def test_what_differs_is_said() -> None:
    said = {name for name, text in SECTIONS.items() if "\nDiffers: " in text}
    assert said == {*DIFFERENT, "user_auth_link"}
    quiet = {name for name, text in SECTIONS.items() if "\nNeither makes a request." in text}
    assert quiet == WITHOUT_REQUEST - {"user_auth_link"}


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_both_sides_make_the_same_request(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(seed=7) as one, Sandbox(seed=7) as other:
        left, right = Theirs(one), Ours(other)
        monkeypatch.setattr(pycronofy.settings, "API_BASE_URL", one.url)
        monkeypatch.setattr(pycronofy.settings, "APP_BASE_URL", one.url)
        left.prepare(section)
        theirs = left.run(blocks(section)[0])
        right.prepare(section)
        ours = right.run(blocks(section)[1])
        if section in WITHOUT_REQUEST:
            assert (theirs, ours) == (None, None)
            CHECKS[section](left.names, right.names)
            return
        assert theirs is not None
        assert ours is not None
        assert 200 <= theirs["status"] < 300
        assert 200 <= ours["status"] < 300
        found = difference(theirs, ours)
    unstated = {place: values for place, values in found.items() if values not in EVERYWHERE.get(place, [])}
    assert set(unstated) == DIFFERENT.get(section, set()), unstated


def same_address(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    left, right = (parse_qs(urlsplit(names["url"]).query) for names in (theirs, ours))
    assert len(right.pop("state")[0]) >= 22
    assert left.pop("state") == ["a-state-of-its-own"]
    assert left.pop("avoid_linking") == ["False"]
    assert left == right


def not_expired(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert isinstance(theirs["expired"], bool)
    assert ours["expires_at"] > datetime.now(timezone.utc)


def signed(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert theirs["valid"] is True
    assert ours["notification"].body == {"example": "well-known"}


CHECKS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "user_auth_link": same_address,
    "is_authorization_expired": not_expired,
    "hmac_valid": signed,
    "validate": lambda theirs, ours: None,
    "translate_available_periods": lambda theirs, ours: None,
}
