"""The edge between Python and the core: nothing leaks, nothing is injected, nothing is mixed up, nothing crashes."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import random
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import orgconnect
from orgconnect import Client, Organization, _native
from orgconnect.testing import Sandbox

IS_FULL = os.environ.get("ORGCONNECT_FAULTS") == "full"


def test_no_secret_is_in_logs_errors_reprs_or_tracebacks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG), Sandbox() as sandbox:
        secret = sandbox.application.client_secret.expose()
        client = sandbox.client(store=orgconnect.SqliteStore(tmp_path / "tokens.db"))
        pending = client.authorize("http://127.0.0.1:9/callback")
        callback = sandbox.approve(pending)
        connection = client.complete(pending, callback)
        token = connection.access_token()
        organization = connection.organization

        def fails(work: Callable[[], Any]) -> None:
            try:
                shown.append(repr(work()))
            except orgconnect.OrgconnectError as error:
                shown.extend(traceback.format_exception(error))
                shown.append(repr(error))

        for status in (400, 401, 403, 404, 422, 500):
            sandbox.fault(path="/v1/organizational_unit_members", status=status, times=3)
            fails(lambda: organization.members.list().all())
            sandbox.clear_faults()
        fails(lambda: client.complete(pending, callback))
        fails(lambda: Client("id", secret + "\n"))
        fails(lambda: organization.request("GET", "/v1/" + "x" * 5000))
        fails(lambda: organization.send("events.read", {"tzid": 1}))
        fails(connection.refresh)
        sandbox.revoke(str(connection.summary().sub))
        fails(lambda: organization.members.list().all())
        fails(lambda: client.webhooks.receive("x", b"{}"))
        handles = (client, pending, connection, organization, token, connection.summary(), client.webhooks, sandbox)
        shown.extend(map(repr, handles))
    output = capfd.readouterr()
    everything = "\n".join([*shown, caplog.text, output.out, output.err])
    code = callback.split("code=")[1].split("&")[0]
    for canary in (secret, token.expose(), code, pending.serialize()):
        assert canary not in everything


def test_no_byte_injects_a_header(sandbox: Sandbox, organization: Organization) -> None:
    before = len(sandbox.requests())
    base = "acc_0123456789abcdef01234567"
    refused = 0
    for code in [*range(33), 127, *range(128, 256), 0x2028, 0xFF21]:
        for position in range(0, len(base) + 1, 1 if IS_FULL else 12):
            sub = base[:position] + chr(code) + base[position:]
            with pytest.raises(orgconnect.InvalidError):
                organization.impersonate(sub)
            refused += 1
        for field in ("user_agent_suffix", "client_id"):
            settings: dict[str, Any] = {"client_id": "id", "client_secret": "s", field: f"a{chr(code)}b"}
            if field == "user_agent_suffix" and code in (9, 32):
                continue
            with pytest.raises(orgconnect.ConfigError):
                Client(**settings)
            refused += 1
    assert refused > 500
    # Anything at all: what is taken has nothing in it that a header could not carry.
    chance = random.Random(7)
    alphabet = [*map(chr, range(256)), "\u2028", "\uff0d", "\U0001f4c5", "\ud800"]
    for _ in range(1_000_000 if IS_FULL else 20_000):
        sub = "".join(chance.choices(alphabet, k=chance.randint(0, 12)))
        try:
            account = organization.impersonate(sub)
        except orgconnect.InvalidError:
            continue
        assert account.sub == sub
        assert sub.isascii()
        assert sub.isprintable()
    assert len(sandbox.requests()) == before


async def test_interleaved_calls_are_never_mixed_up() -> None:
    calls, members = (10_000, 100) if IS_FULL else (1_500, 30)
    with Sandbox() as sandbox:
        owner = sandbox.control("GET", "/sandbox/organizations")["organizations"][0]["organization_id"]
        sandbox.control("POST", f"/sandbox/organizations/{owner}/members/bulk", {"count": members})
        client = sandbox.async_client()
        organization = (await sandbox.connect_async(client)).organization
        subs = [str(member.sub) async for member in organization.members.list()]
        accounts = [organization.impersonate(sub) for sub in subs]
        is_free = asyncio.Semaphore(64)

        async def ask(number: int) -> bool:
            async with is_free:
                account = accounts[number % len(accounts)]
                return (await account.userinfo.read()).sub == account.sub

        assert all(await asyncio.gather(*(ask(number) for number in range(calls))))
        for request in sandbox.requests():
            if request["path"].startswith("/oauth"):
                assert request["impersonated"] is None


def test_values_of_every_kind_are_refused_with_an_exception() -> None:
    odd: list[Any] = [None, 1, -1, 2**70, 1.5, float("nan"), b"x", "", "\0", "x" * 10_000, [], {}, object(), print]
    client = Client("id", "secret", base_url="http://127.0.0.1:9")
    native = client._client
    handle = native.handle()
    targets: list[Callable[..., Any]] = [
        _native.Client,
        native.authorize,
        native.pending,
        native.complete_delegated,
        native.import_connection,
        native.connection,
        native.organization,
        native.admin,
        native.connections,
        handle.send,
        handle.follow,
        handle.request,
        handle.with_options,
        handle.impersonate,
        _native.Batch().add,
        _native.ManualClock,
        _native.Keys.from_base64,
        _native.SqliteStore,
        _native.PostgresStore,
        _native.RedisStore,
        _native.ReplayGuard,
        _native.EmbedTokens,
        _native.Verifier("s").receive,
        _native.Hub().start,
        _native.Hub().cancel,
        _native.open_store,
    ]
    for target in targets:
        for count in range(5):
            for value in odd:
                # A panic would be a PanicException, which is no Exception.
                with contextlib.suppress(Exception):
                    target(*[value] * count)


def test_a_call_is_waited_for_once(sandbox: Sandbox) -> None:
    work = sandbox.client()._client.settle()
    work.wait()
    with pytest.raises(RuntimeError, match="once"):
        work.wait()
    with pytest.raises(RuntimeError, match="once"):
        _native.Hub().start(work, None)  # type: ignore[arg-type]


def test_threads_that_make_and_drop_everything_at_once_do_no_harm() -> None:
    rounds = 300 if IS_FULL else 15
    failures: list[BaseException] = []
    with Sandbox() as sandbox:
        client = sandbox.client()
        sandbox.connect(client, connection_id="clinic")

        def work(number: int) -> None:
            try:
                for _ in range(rounds):
                    own = sandbox.client()
                    own.authorize("http://127.0.0.1:9/callback")
                    organization = client.organization("clinic")
                    organization.impersonate("acc_1").with_options(timeout=1)
                    assert len(organization.members.list().all()) == 5
                    client.connections()
                    asyncio.run(_touch(sandbox))
                    if number == 0:
                        gc.collect()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


async def _touch(sandbox: Sandbox) -> None:
    with pytest.raises(orgconnect.AuthorizationError):
        await sandbox.async_client().organization("nobody").members.list().all()


def test_a_crash_would_be_seen() -> None:
    assert faulthandler.is_enabled()


HALVED = "geheim\ud83d"

TEXTS: dict[str, Callable[[Client], Any]] = {
    "admin": lambda client: client.admin(HALVED),
    "import_connection": lambda client: client.import_connection("clinic", HALVED),
    "complete": lambda client: client.complete(client.authorize("https://app.example/callback"), HALVED),
    "complete_delegated": lambda client: client.complete_delegated(HALVED, "https://app.example/callback"),
    "link_token": lambda client: client.authorize("https://app.example/callback", link_token=HALVED),
    "scopes": lambda client: client.authorize_individual("https://app.example/callback", [HALVED]),
    "sub": lambda client: client.organization("clinic").impersonate(HALVED),
    "query": lambda client: client.request("GET", "/v1/calendars", query={"q": HALVED}),
    "secret": lambda client: client.webhooks.or_secret(HALVED),
    "store": lambda client: orgconnect.PostgresStore(HALVED),
    "keys": lambda client: orgconnect.Keys.from_base64(HALVED),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_character_that_was_cut_in_two_is_refused_and_its_text_not_shown(what: str) -> None:
    with pytest.raises(orgconnect.InvalidError) as raised:
        TEXTS[what](Client("id", "secret"))
    assert "geheim" not in "".join([repr(raised.value), *traceback.format_exception(raised.value)])


def test_a_field_with_a_character_that_was_cut_in_two_is_named(organization: Organization) -> None:
    doc = organization.impersonate("acc_0123456789abcdef01234567")
    for call in (
        lambda: doc.events.upsert("cal_1", event_id="e", summary=HALVED, start="2031-03-03", end="2031-03-04"),
        lambda: doc.send("events.upsert", {"summary": HALVED}),
        lambda: doc.request("POST", "/v1/anything", body={"a": 1, "summary": [{"b": HALVED}]}),
        lambda: doc.with_options(extra={"summary": HALVED}),
        lambda: orgconnect.Batch().add("events.upsert", {"summary": HALVED}),
    ):
        with pytest.raises(orgconnect.InvalidError, match="summary: holds half of a character") as raised:
            call()
        assert "geheim" not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(orgconnect.InvalidError, match="body: holds half of a character"):
        doc.request("POST", "/v1/anything", body=[HALVED])
