"""The asyncio side: many calls by few wake-ups, cancelling, several loops, and loops that watch no sockets."""

from __future__ import annotations

import asyncio
import gc
import os
from datetime import datetime, timezone
from typing import Any

import pytest

import orgconnect
from orgconnect import AsyncAccount, AsyncClient
from orgconnect.testing import Sandbox
from programs import run

# The quick form, and the full one of the fault suite.
IS_FULL = os.environ.get("ORGCONNECT_FAULTS") == "full"
CANCELLED = 1000 if IS_FULL else 60
EXPIRIES, TASKS = (20, 1000) if IS_FULL else (3, 200)


async def connected(sandbox: Sandbox, client: AsyncClient) -> AsyncAccount:
    connection = await sandbox.connect_async(client)
    return await connection.organization.impersonate(email="doc@example.com")


async def test_many_calls_at_once(orgconnect_sandbox: Sandbox, orgconnect_async_client: AsyncClient) -> None:
    doc = await connected(orgconnect_sandbox, orgconnect_async_client)
    replies = await asyncio.gather(*(doc.userinfo.read() for _ in range(200)))
    assert {reply.sub for reply in replies} == {doc.sub}


async def test_calls_that_complete_together_wake_the_loop_once(
    orgconnect_sandbox: Sandbox, orgconnect_async_client: AsyncClient
) -> None:
    from orgconnect._loop import _hubs

    doc = await connected(orgconnect_sandbox, orgconnect_async_client)
    loop = asyncio.get_running_loop()
    hub = _hubs[loop]
    drained: list[int] = []
    done = 0

    def drain() -> None:
        before = done
        hub.drain()
        drained.append(before)

    loop.remove_reader(hub.fileno())
    loop.add_reader(hub.fileno(), drain)
    tasks = [asyncio.create_task(doc.userinfo.read()) for _ in range(64)]
    await asyncio.sleep(0)
    # Nothing is delivered while the loop is busy; all that completed meanwhile comes with one wake-up.
    while len(orgconnect_sandbox.requests()) < 64:
        pass
    await asyncio.gather(*tasks)
    assert 1 <= len(drained) < 64


async def test_a_cancelled_call_is_dropped_and_loses_no_token() -> None:
    with Sandbox(now=datetime(2031, 3, 3, 9, tzinfo=timezone.utc)) as sandbox:
        # A refresh token is good for one use here, so that a lost reply would be the end of the connection.
        sandbox.settings(refresh_mode="strict")
        client = sandbox.async_client()
        connection = await sandbox.connect_async(client)
        doc = await connection.organization.impersonate(email="doc@example.com")
        for number in range(CANCELLED):
            sandbox.advance(7200)
            task = asyncio.create_task(doc.userinfo.read())
            await asyncio.sleep(0.0005 * (number % 20))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await client.settle()
        assert (await doc.userinfo.read()).sub == doc.sub
        assert (await connection.summary()).state == "active"
        assert sum(sandbox.counters()["refreshes"].values()) <= CANCELLED + 1


async def test_a_herd_of_tasks_shares_one_refresh_for_each_expiry() -> None:
    with Sandbox(now=datetime(2031, 3, 3, 9, tzinfo=timezone.utc)) as sandbox:
        doc = await connected(sandbox, sandbox.async_client())
        sandbox.fault(path="/oauth/token", delay_before_ms=200 if IS_FULL else 20)
        for expiry in range(1, EXPIRIES + 1):
            sandbox.advance(7200)
            replies = await asyncio.gather(*(doc.userinfo.read() for _ in range(TASKS)))
            assert [reply.sub for reply in replies] == [doc.sub] * TASKS
            assert sum(sandbox.counters()["refreshes"].values()) == expiry


async def test_a_timeout_around_a_call_ends_it(
    orgconnect_sandbox: Sandbox, orgconnect_async_client: AsyncClient
) -> None:
    doc = await connected(orgconnect_sandbox, orgconnect_async_client)
    orgconnect_sandbox.fault(path="/v1/userinfo", delay_before_ms=5000, times=1)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(doc.userinfo.read(), 0.05)
    assert (await doc.userinfo.read()).sub == doc.sub


def test_one_client_serves_one_loop_after_the_other(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.async_client()
    doc = asyncio.run(connected(orgconnect_sandbox, client))
    for _ in range(5):
        assert asyncio.run(_read(doc)) == doc.sub


async def _read(doc: AsyncAccount) -> str | None:
    return (await doc.userinfo.read()).sub


def test_a_hub_goes_with_its_loop(orgconnect_sandbox: Sandbox) -> None:
    from orgconnect._loop import _hubs

    client = orgconnect_sandbox.async_client()
    doc = asyncio.run(connected(orgconnect_sandbox, client))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_read(doc))
    assert loop in _hubs
    before = len(_hubs)
    loop.close()
    del loop
    gc.collect()
    assert len(_hubs) < before
    assert asyncio.run(_read(doc)) == doc.sub


class Blind(asyncio.SelectorEventLoop):
    """A loop that watches no sockets for others, like the one of Windows."""

    def add_reader(self, *arguments: Any) -> None:
        raise NotImplementedError


def test_a_loop_that_watches_no_sockets_is_called(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.async_client()
    loop = Blind()
    try:
        doc = loop.run_until_complete(connected(orgconnect_sandbox, client))

        async def many() -> list[Any]:
            return await asyncio.gather(*(doc.userinfo.read() for _ in range(50)))

        assert len(loop.run_until_complete(many())) == 50
    finally:
        loop.close()


async def test_an_error_arrives_where_it_is_awaited(orgconnect_async_client: AsyncClient) -> None:
    with pytest.raises(orgconnect.AuthorizationError):
        await orgconnect_async_client.organization("nobody").members.list().all()
    with pytest.raises(orgconnect.InvalidError):
        await orgconnect_async_client.send("no.such")


async def test_a_client_settles_in_the_end(orgconnect_sandbox: Sandbox) -> None:
    async with orgconnect_sandbox.async_client() as client:
        await orgconnect_sandbox.connect_async(client, connection_id="x")
        orgconnect_sandbox.expire()
        assert await client.organization("x").members.list().all()


def test_a_synchronous_program_never_imports_asyncio() -> None:
    code = "import sys, orgconnect; assert 'asyncio' not in sys.modules, 'asyncio'"
    run(code)


def test_a_program_that_ends_with_calls_under_way_ends() -> None:
    code = """
import asyncio, threading
from orgconnect.testing import Sandbox
sandbox = Sandbox()
client = sandbox.async_client()
async def main():
    connection = await sandbox.connect_async(client)
    sandbox.fault(path="/v1/organizational_unit_members", delay_before_ms=20000)
    task = asyncio.create_task(connection.organization.members.list().all())
    await asyncio.sleep(0.05)
asyncio.run(main())
print("ended")
"""
    assert run(code) == "ended\n"
