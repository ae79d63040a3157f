"""Every call that pycronofy has, made on the sandbox; and what its requests have otherwise than ours for the same call.

A case's `difference` is the whole of it, place by place as `(theirs, ours)`. The comment beside it says which of the
two Cronofy's documentation describes; where there is no comment the two requests mean the same.
"""

import dataclasses
import typing

import pycronofy
import pytest
from conftest import DOC, OWNER, REDIRECT_URI
from wire import ABSENT, difference

SCOPE = (
    "read_account list_calendars read_events create_event delete_event create_calendar change_participation_status"
)
ACCOUNT = {"account": {"by": DOC, "scope": SCOPE}}
SERVICE_SCOPE = "service_account/accounts/manage service_account/resources/manage"
SERVICE = {"service_account": {"by": OWNER, "scope": SERVICE_SCOPE, "delegated_scope": "read_write"}}
HOOK = "http://127.0.0.1:9/hook"
PERIOD = {"start": "2031-03-04T09:00:00Z", "end": "2031-03-04T12:00:00Z"}

# A GET of requests carries the JSON body `{}` and says so; by the documentation a GET has no body.
BODY_ON_GET = {"body": ({}, ""), "headers.content-type": ("application/json", ABSENT)}
# The documentation recommends the character set in the content type, and takes it without.
CONTENT_TYPE = {"headers.content-type": ("application/json", "application/json; charset=utf-8")}
# A DELETE that says nothing has `{}` as its body; by the documentation it has none.
BODY_ON_DELETE = BODY_ON_GET
# The former name of `query_periods`, which the documentation still takes, and a buffer of nothing, which it doesn't have.
FORMER_NAME = {"available_periods": ([PERIOD], ABSENT), "query_periods": (ABSENT, [PERIOD])}


class World:
    """Ids that calls need, read with pycronofy itself."""

    def __init__(self, sandbox, client):
        self.sandbox = sandbox
        self.client = client
        self.sub = sandbox.sub(DOC)
        calendars = client.list_calendars()
        self.calendar = calendars[0]["calendar_id"]
        self.clinic = next(item["calendar_id"] for item in calendars if item["calendar_name"] == "Clinic")
        self.profile = client.list_profiles()[0]["profile_id"]

    def external(self, summary):
        events = self.client.read_events(include_managed=False).all()
        return next(event for event in events if event["summary"] == summary)

    def grant(self, calendar):
        fields = {
            "client_id": self.sandbox.client_id,
            "calendar_id": calendar,
            "permission_level": "unrestricted",
        }
        self.sandbox.control("POST", "permissions", fields)

    def event(self, **more):
        return {"event_id": "1", "summary": "Check-up", **PERIOD, **more}

    def participants(self):
        return [{"members": [{"sub": self.sub}], "required": "all"}]


@dataclasses.dataclass
class Case:
    """One method of pycronofy, and the same call of ours."""

    name: str
    theirs: typing.Callable
    operation: str
    arguments: typing.Callable = lambda world, before: {}
    on_client: bool = False
    difference: typing.Any = dataclasses.field(default_factory=dict)
    before: typing.Callable = lambda world: None
    check: typing.Callable = lambda world, before, result: True


RULE = {
    "availability_rule_id": "default",
    "tzid": "Europe/London",
    "weekly_periods": [{"day": "monday", "start_time": "09:30", "end_time": "12:30"}],
}


def query_step(world):
    return {
        "sequence_id": "a",
        "ordinal": 1,
        "participants": world.participants(),
        "required_duration": {"minutes": 60},
        "start_interval": {"minutes": 60},
    }


def step(world):
    return {**query_step(world), "event": {"event_id": "2", "summary": "Check-up"}}


def link(world):
    made = world.client.real_time_scheduling(
        availability={
            "participants": world.participants(),
            "required_duration": 60,
            "available_periods": [dict(PERIOD)],
            "start_interval": 60,
        },
        oauth={"redirect_uri": REDIRECT_URI},
        event={"event_id": "1", "summary": "Check-up"},
        target_calendars=[{"sub": world.sub, "calendar_id": world.calendar}],
    )["real_time_scheduling"]
    return made["real_time_scheduling_id"], made["url"].rsplit("/", 1)[1]


def invite(world):
    event = {"summary": "Check-up", **PERIOD}
    return world.client.upsert_smart_invite("1", {"email": "a+b@example.org"}, event)


def within(place, differences):
    return {f"{place}.{name}": values for name, values in differences.items()}


CASES = [
    Case(
        "account",
        lambda client, world, before: client.account(),
        "userinfo.read_account",
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["account_id"] == world.sub,
    ),
    Case(
        "userinfo",
        lambda client, world, before: client.userinfo(),
        "userinfo.read",
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["sub"] == world.sub,
    ),
    Case(
        "list_profiles",
        lambda client, world, before: client.list_profiles(),
        "profiles.list",
        difference=BODY_ON_GET,
        check=lambda world, before, result: len(result) == 2,
    ),
    Case(
        "revoke_profile",
        lambda client, world, before: client.revoke_profile(before[0]),
        "profiles.revoke",
        lambda world, before: {"profile_id": before[1]},
        before=lambda world: [profile["profile_id"] for profile in world.client.list_profiles()],
        # Each revokes a profile of its own, since one can be revoked only once. By the documentation there is no body;
        # both send `{}`.
        difference=lambda world, before: {
            **CONTENT_TYPE,
            "path": (f"/v1/profiles/{before[0]}/revoke", f"/v1/profiles/{before[1]}/revoke"),
        },
    ),
    Case(
        "list_calendars",
        lambda client, world, before: client.list_calendars(),
        "calendars.list",
        difference=BODY_ON_GET,
        check=lambda world, before, result: result[0]["calendar_id"] == world.calendar,
    ),
    Case(
        "create_calendar",
        lambda client, world, before: client.create_calendar(world.profile, "Theirs"),
        "calendars.create",
        lambda world, before: {"profile_id": world.profile, "name": "Ours"},
        # The names must differ. It has no way to send the documented `color`.
        difference={**CONTENT_TYPE, "body.name": ("Theirs", "Ours")},
        check=lambda world, before, result: result["calendar"]["calendar_name"] == "Theirs",
    ),
    Case(
        "create_calendar of a name that is taken",
        lambda client, world, before: client.create_calendar(world.profile, "Taken", error_on_duplicate=False),
        "calendars.list",
        before=lambda world: world.client.create_calendar(world.profile, "Taken"),
        # It looks for the calendar in the list after the refusal; compared is this second request.
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["calendar_id"] == before["calendar"]["calendar_id"],
    ),
    Case(
        "read_events",
        lambda client, world, before: client.read_events(
            calendar_ids=(world.calendar,), from_date="2031-03-01", to_date="2031-04-01", tzid="Europe/London"
        ),
        "events.read",
        lambda world, before: {
            "tzid": "Europe/London",
            "calendar_ids": [world.calendar],
            "from": "2031-03-01",
            "to": "2031-04-01",
            "include_managed": True,
        },
        before=lambda world: world.client.upsert_event(world.calendar, world.event()),
        # It spells booleans `True` and `False`, names every default, and includes managed events unless told
        # otherwise; the documentation has `true` and `false`, and managed events left out by default.
        difference={
            **BODY_ON_GET,
            "query.include_managed": (["True"], ["true"]),
            "query.only_managed": (["False"], ABSENT),
            "query.include_deleted": (["False"], ABSENT),
            "query.include_moved": (["False"], ABSENT),
            "query.include_geo": (["False"], ABSENT),
            "query.localized_times": (["False"], ABSENT),
        },
        check=lambda world, before, result: [event["event_id"] for event in result.all()] == ["1"],
    ),
    Case(
        "read_free_busy",
        lambda client, world, before: client.read_free_busy(tzid="Europe/London", include_managed=False),
        "free_busy.read",
        lambda world, before: {"tzid": "Europe/London"},
        difference={
            **BODY_ON_GET,
            "query.include_managed": (["False"], ABSENT),
            "query.localized_times": (["False"], ABSENT),
        },
        check=lambda world, before, result: len(result.all()) > 0,
    ),
    Case(
        "upsert_event",
        lambda client, world, before: client.upsert_event(world.calendar, world.event(location={"description": "4"})),
        "events.upsert",
        lambda world, before: {"calendar_id": world.calendar, **world.event(location={"description": "4"})},
        difference=CONTENT_TYPE,
        check=lambda world, before, result: len(world.client.read_events(only_managed=True).all()) == 1,
    ),
    Case(
        "delete_event",
        lambda client, world, before: client.delete_event(world.calendar, "1"),
        "events.delete",
        lambda world, before: {"calendar_id": world.calendar, "event_id": "1"},
        before=lambda world: world.client.upsert_event(world.calendar, world.event()),
        difference=CONTENT_TYPE,
        check=lambda world, before, result: world.client.read_events(only_managed=True).all() == [],
    ),
    Case(
        "delete_external_event",
        lambda client, world, before: client.delete_external_event(world.clinic, before[0]),
        "events.delete_external",
        lambda world, before: {"calendar_id": world.clinic, "event_uid": before[1]},
        before=lambda world: (
            world.grant(world.clinic),
            [world.external("Planning the new wing")["event_uid"], world.external("Day off")["event_uid"]],
        )[1],
        # Each deletes an event of its own.
        difference=lambda world, before: {**CONTENT_TYPE, "body.event_uid": (before[0], before[1])},
    ),
    Case(
        "delete_all_events",
        lambda client, world, before: client.delete_all_events(),
        "events.bulk_delete_all",
        before=lambda world: world.client.upsert_event(world.calendar, world.event()),
        # It says it in the query; by the documentation it is said in the JSON body.
        difference={
            **CONTENT_TYPE,
            "query.delete_all": (["True"], ABSENT),
            "body.delete_all": (ABSENT, True),
        },
        check=lambda world, before, result: world.client.read_events(only_managed=True).all() == [],
    ),
    Case(
        "delete_all_events of some calendars",
        lambda client, world, before: client.delete_all_events((world.calendar,)),
        "events.bulk_delete",
        lambda world, before: {"calendar_ids": [world.calendar]},
        before=lambda world: world.client.upsert_event(world.calendar, world.event()),
        # As above: the documentation has it in the body.
        difference=lambda world, before: {
            **CONTENT_TYPE,
            "query.calendar_ids[]": ([world.calendar], ABSENT),
            "body.calendar_ids": (ABSENT, [world.calendar]),
        },
        check=lambda world, before, result: world.client.read_events(only_managed=True).all() == [],
    ),
    Case(
        "change_participation_status",
        lambda client, world, before: client.change_participation_status(world.clinic, before, "accepted"),
        "events.update_participation_status",
        lambda world, before: {"calendar_id": world.clinic, "event_uid": before, "status": "accepted"},
        before=lambda world: world.external("Planning the new wing")["event_uid"],
        difference=CONTENT_TYPE,
        check=lambda world, before, result: (
            world.external("Planning the new wing")["participation_status"] == "accepted"
        ),
    ),
    Case(
        "batch",
        lambda client, world, before: client.batch(
            pycronofy.batch.BatchBuilder()
            .upsert_event(world.calendar, world.event())
            .delete_event(world.calendar, "1")
        ),
        "batch.create",
        lambda world, before: {
            "batch": [
                {"method": "POST", "relative_url": f"/v1/calendars/{world.calendar}/events", "data": world.event()},
                {"method": "DELETE", "relative_url": f"/v1/calendars/{world.calendar}/events", "data": {"event_id": "1"}},
            ]
        },
        difference=CONTENT_TYPE,
        check=lambda world, before, result: [entry.response["status"] for entry in result.entries] == [202, 202],
    ),
    Case(
        "create_notification_channel",
        lambda client, world, before: client.create_notification_channel(HOOK, (world.calendar,), only_managed=True),
        "channels.create",
        lambda world, before: {
            "callback_url": HOOK,
            "filters": {"calendar_ids": [world.calendar], "only_managed": True},
        },
        difference=CONTENT_TYPE,
        check=lambda world, before, result: result["callback_url"] == HOOK,
    ),
    Case(
        "list_notification_channels",
        lambda client, world, before: client.list_notification_channels(),
        "channels.list",
        before=lambda world: world.client.create_notification_channel(HOOK),
        difference=BODY_ON_GET,
        check=lambda world, before, result: result[0]["channel_id"] == before["channel_id"],
    ),
    Case(
        "close_notification_channel",
        lambda client, world, before: client.close_notification_channel(before[0]),
        "channels.close",
        lambda world, before: {"channel_id": before[1]},
        before=lambda world: [world.client.create_notification_channel(HOOK)["channel_id"] for _ in range(2)],
        # Each closes a channel of its own.
        difference=lambda world, before: {
            **BODY_ON_DELETE,
            "path": (f"/v1/channels/{before[0]}", f"/v1/channels/{before[1]}"),
        },
    ),
    Case(
        "elevated_permissions",
        lambda client, world, before: client.elevated_permissions(
            [{"calendar_id": world.calendar, "permission_level": "unrestricted"}], REDIRECT_URI
        ),
        "calendars.request_permissions",
        lambda world, before: {
            "permissions": [{"calendar_id": world.calendar, "permission_level": "unrestricted"}],
            "redirect_uri": REDIRECT_URI,
        },
        difference=CONTENT_TYPE,
        check=lambda world, before, result: result["url"].startswith(world.sandbox.url),
    ),
    Case(
        "availability",
        lambda client, world, before: client.availability(
            participants=world.participants(), required_duration=60, available_periods=[dict(PERIOD)]
        ),
        "availability.query",
        lambda world, before: {
            "participants": world.participants(),
            "required_duration": {"minutes": 60},
            "query_periods": [PERIOD],
        },
        on_client=True,
        # It sends the access token; the documentation has the application's secret.
        difference={
            **CONTENT_TYPE,
            "bearer": ("access token", "client secret"),
            "body.buffer": ({}, ABSENT),
            **within("body", FORMER_NAME),
        },
        check=lambda world, before, result: result[0]["start"] == PERIOD["start"],
    ),
    Case(
        "sequenced_availability",
        lambda client, world, before: client.sequenced_availability(
            sequence=[query_step(world)], available_periods=[dict(PERIOD)]
        ),
        "availability.query_sequenced",
        lambda world, before: {
            "sequence": [query_step(world)],
            "query_periods": [PERIOD],
        },
        on_client=True,
        # As for `availability`; its steps have buffers of nothing.
        difference=lambda world, before: {
            **CONTENT_TYPE,
            "bearer": ("access token", "client secret"),
            "body.sequence": ([{**query_step(world), "buffer": {}}], [query_step(world)]),
            **within("body", FORMER_NAME),
        },
        check=lambda world, before, result: result[0]["sequence"][0]["sequence_id"] == "a",
    ),
    Case(
        "upsert_availability_rule",
        lambda client, world, before: client.upsert_availability_rule(RULE),
        "availability_rules.upsert",
        lambda world, before: RULE,
        difference=CONTENT_TYPE,
        check=lambda world, before, result: result["availability_rule_id"] == "default",
    ),
    Case(
        "list_availability_rules",
        lambda client, world, before: client.list_availability_rules(),
        "availability_rules.list",
        before=lambda world: world.client.upsert_availability_rule(RULE),
        difference=BODY_ON_GET,
        check=lambda world, before, result: len(result) == 1,
    ),
    Case(
        "get_availability_rule",
        lambda client, world, before: client.get_availability_rule("default"),
        "availability_rules.read",
        lambda world, before: {"availability_rule_id": "default"},
        before=lambda world: world.client.upsert_availability_rule(RULE),
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["tzid"] == "Europe/London",
    ),
    Case(
        "delete_availability_rule",
        lambda client, world, before: client.delete_availability_rule("default"),
        "availability_rules.delete",
        lambda world, before: {"availability_rule_id": "default"},
        before=lambda world: world.client.upsert_availability_rule(RULE),
        difference=BODY_ON_DELETE,
        check=lambda world, before, result: world.client.list_availability_rules() == [],
    ),
    Case(
        "real_time_scheduling",
        lambda client, world, before: client.real_time_scheduling(
            availability={
                "participants": world.participants(),
                "required_duration": 60,
                "available_periods": [dict(PERIOD)],
                "start_interval": 60,
            },
            oauth={"redirect_uri": REDIRECT_URI},
            event={"event_id": "1", "summary": "Check-up"},
            target_calendars=[{"sub": world.sub, "calendar_id": world.calendar}],
            minimum_notice={"hours": 4},
        ),
        "real_time_scheduling.create",
        lambda world, before: {
            "availability": {
                "participants": world.participants(),
                "required_duration": {"minutes": 60},
                "start_interval": {"minutes": 60},
                "query_periods": [PERIOD],
            },
            "oauth": {"redirect_uri": REDIRECT_URI},
            "event": {"event_id": "1", "summary": "Check-up"},
            "target_calendars": [{"sub": world.sub, "calendar_id": world.calendar}],
            "minimum_notice": {"hours": 4},
        },
        on_client=True,
        difference={
            **CONTENT_TYPE,
            "body.availability.buffer": ({}, ABSENT),
            **within("body.availability", FORMER_NAME),
        },
        check=lambda world, before, result: result["real_time_scheduling"]["url"].startswith(world.sandbox.url),
    ),
    Case(
        "get_real_time_scheduling_status by id",
        lambda client, world, before: client.get_real_time_scheduling_status(real_time_scheduling_id=before[0]),
        "real_time_scheduling.read",
        lambda world, before: {"real_time_scheduling_id": before[0]},
        on_client=True,
        before=lambda world: link(world),
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["real_time_scheduling"]["status"] == "open",
    ),
    Case(
        "get_real_time_scheduling_status by token",
        lambda client, world, before: client.get_real_time_scheduling_status(token=before[1]),
        "real_time_scheduling.lookup",
        lambda world, before: {"token": before[1]},
        on_client=True,
        before=lambda world: link(world),
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["real_time_scheduling"]["real_time_scheduling_id"] == before[0],
    ),
    Case(
        "disable_real_time_scheduling_link",
        lambda client, world, before: client.disable_real_time_scheduling_link(before[0], "Call us"),
        "real_time_scheduling.disable",
        lambda world, before: {"real_time_scheduling_id": before[0], "display_message": "Call us"},
        on_client=True,
        before=lambda world: link(world),
        difference=CONTENT_TYPE,
        check=lambda world, before, result: result["real_time_scheduling"]["status"] == "disabled",
    ),
    Case(
        "real_time_sequencing",
        lambda client, world, before: client.real_time_sequencing(
            availability={"sequence": [step(world)], "available_periods": [dict(PERIOD)]},
            oauth={"redirect_uri": REDIRECT_URI},
            event={"event_id": "1", "summary": "Visit"},
            target_calendars=[{"sub": world.sub, "calendar_id": world.calendar}],
        ),
        "real_time_sequencing.create",
        lambda world, before: {
            "availability": {"sequence": [step(world)], "query_periods": [PERIOD]},
            "oauth": {"redirect_uri": REDIRECT_URI},
            "event": {"event_id": "1", "summary": "Visit"},
            "target_calendars": [{"sub": world.sub, "calendar_id": world.calendar}],
        },
        on_client=True,
        difference=lambda world, before: {
            **CONTENT_TYPE,
            "body.availability.sequence": ([{**step(world), "buffer": {}}], [step(world)]),
            **within("body.availability", FORMER_NAME),
        },
        check=lambda world, before, result: result["real_time_sequencing"]["url"].startswith(world.sandbox.url),
    ),
    Case(
        "upsert_smart_invite",
        lambda client, world, before: client.upsert_smart_invite(
            "1", {"email": "a@example.org"}, {"summary": "Check-up", **PERIOD}, callback_url=HOOK, organizer={"name": "C"}
        ),
        "smart_invites.upsert",
        lambda world, before: {
            "smart_invite_id": "1",
            "recipient": {"email": "a@example.org"},
            "event": {"summary": "Check-up", **PERIOD},
            "callback_url": HOOK,
            "organizer": {"name": "C"},
        },
        on_client=True,
        # We name the method, which the documentation calls optional.
        difference={**CONTENT_TYPE, "body.method": (ABSENT, "request")},
        check=lambda world, before, result: result["attachments"]["icalendar"].startswith("BEGIN:VCALENDAR"),
    ),
    Case(
        "get_smart_invite",
        lambda client, world, before: client.get_smart_invite("1", "a+b@example.org"),
        "smart_invites.read",
        lambda world, before: {"smart_invite_id": "1", "recipient_email": "a+b@example.org"},
        on_client=True,
        before=lambda world: invite(world),
        difference=BODY_ON_GET,
        check=lambda world, before, result: result["recipient"]["email"] == "a+b@example.org",
    ),
    Case(
        "cancel_smart_invite",
        lambda client, world, before: client.cancel_smart_invite("1", {"email": "a+b@example.org"}),
        "smart_invites.cancel",
        lambda world, before: {"smart_invite_id": "1", "recipient": {"email": "a+b@example.org"}},
        on_client=True,
        before=lambda world: invite(world),
        difference=CONTENT_TYPE,
        check=lambda world, before, result: "METHOD:CANCEL" in result["attachments"]["icalendar"],
    ),
    Case(
        "get_conferencing_services_auth_link",
        lambda client, world, before: client.get_conferencing_services_auth_link(REDIRECT_URI, "zoom"),
        "conferencing.create_authorization",
        lambda world, before: {"redirect_uri": REDIRECT_URI, "provider_name": "zoom"},
        difference=CONTENT_TYPE,
        check=lambda world, before, result: result.startswith(world.sandbox.url),
    ),
    Case(
        "get_ui_element_token",
        lambda client, world, before: client.get_ui_element_token(["agenda"], [world.sub], "https://app.example"),
        "element_tokens.create",
        lambda world, before: {
            "permissions": ["agenda"],
            "subs": [world.sub],
            "origin": "https://app.example",
        },
        on_client=True,
        difference=CONTENT_TYPE,
        check=lambda world, before, result: result["element_token"]["expires_in"] == 64800,
    ),
    Case(
        "application_calendar",
        lambda client, world, before: client.application_calendar("rota"),
        "application_calendars.create",
        lambda world, before: {"application_calendar_id": "rota"},
        on_client=True,
        # It adds the access token that it happens to hold; the documentation has the credentials in the body only.
        difference={**CONTENT_TYPE, "bearer": ("access token", "none")},
        check=lambda world, before, result: result["sub"].startswith("apc_"),
    ),
]

SERVICE_CASES = [
    Case(
        "resources",
        lambda client, world, before: client.resources(),
        "service_account.list_resources",
        difference=BODY_ON_GET,
        check=lambda world, before, result: {"room1@example.com"} <= {room["email"] for room in result},
    ),
    Case(
        "authorize_with_service_account",
        lambda client, world, before: client.authorize_with_service_account(DOC, "read_write", HOOK),
        "service_account.create_authorization",
        lambda world, before: {"email": DOC, "scope": "read_write", "callback_url": HOOK},
        difference=CONTENT_TYPE,
    ),
    Case(
        "authorize_multiple_accounts_via_service_account",
        lambda client, world, before: client.authorize_multiple_accounts_via_service_account(
            [{"email": DOC, "scope": "read_write", "callback_url": HOOK}]
        ),
        "service_account.create_authorizations",
        lambda world, before: {
            "service_account_authorizations": [{"email": DOC, "scope": "read_write", "callback_url": HOOK}]
        },
        difference=CONTENT_TYPE,
    ),
]


def account_client(sandbox, monkeypatch):
    monkeypatch.setattr(pycronofy.settings, "API_BASE_URL", sandbox.url)
    client = pycronofy.Client(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    client.get_authorization_from_code(sandbox.code(sandbox.authorization_url(SCOPE)), REDIRECT_URI)
    return client


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_call_works_and_differs_from_ours_as_stated(sandbox, monkeypatch, case):
    client = account_client(sandbox, monkeypatch)
    world = World(sandbox, client)
    before = case.before(world)
    sandbox.forget()
    result = case.theirs(client, world, before)
    theirs = sandbox.requests()[-1]
    assert case.check(world, before, result)
    compare(sandbox, case, ACCOUNT, theirs, world, before)


@pytest.mark.parametrize("case", SERVICE_CASES, ids=lambda case: case.name)
def test_a_service_account_call_works_and_differs_from_ours_as_stated(sandbox, monkeypatch, case):
    monkeypatch.setattr(pycronofy.settings, "API_BASE_URL", sandbox.url)
    client = pycronofy.Client(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
    path = "enterprise_connect/oauth/authorize"
    url = sandbox.authorization_url(SERVICE_SCOPE, path, delegated_scope="read_write")
    client.get_authorization_from_code(sandbox.code(url, OWNER), REDIRECT_URI)
    sandbox.forget()
    result = case.theirs(client, None, None)
    theirs = sandbox.requests()[-1]
    assert case.check(None, None, result)
    compare(sandbox, case, SERVICE, theirs, None, None)


def compare(sandbox, case, connection, theirs, world, before):
    sandbox.forget()
    call = {"operation": case.operation, "on_client": case.on_client, "with": case.arguments(world, before)}
    ours = sandbox.ours([call], connection)[-1]
    expected = case.difference(world, before) if callable(case.difference) else case.difference
    assert difference(theirs, ours) == expected


def test_every_call_of_pycronofy_is_among_the_cases():
    """A method that a newer release brings must get a case."""
    local = {
        "user_auth_link get_authorization_from_code refresh_authorization revoke_authorization is_authorization_expired",
        "hmac_valid validate translate_available_periods translate_query_slots",
    }
    elsewhere = {name for names in local for name in names.split()}
    methods = {name for name in vars(pycronofy.Client) if not name.startswith(("_", "map_"))}
    covered = {case.name.split(" ")[0] for case in CASES + SERVICE_CASES}
    assert methods - elsewhere == covered
