"""Long use and wrong use of the native module: no memory is gained, what is over can be used without harm, and a panic is an
exception. `make test-asan` runs all of it under the address sanitizer.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
from pathlib import Path

import pytest

import orgconnect
from orgconnect import _native
from orgconnect._loop import outcome
from orgconnect.testing import Sandbox
from programs import run

# The quick form, and the full one of the fault suite.
IS_FULL = os.environ.get("ORGCONNECT_FAULTS") == "full"
# The sanitizer keeps freed memory for a while, so there growth says nothing; the calls are made all the same, and are slow.
IS_SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
CALLS = (20_000 if IS_SANITIZED else 100_000) if IS_FULL else 800

# How programs that await their calls begin.
AWAITED = """
import asyncio
async def connected():
    connection = await sandbox.connect_async(sandbox.async_client())
    return await connection.organization.impersonate(email="doc@example.com")
doc = asyncio.run(connected())
"""

# Each is a program that defines `many(calls)`.
USES = {
    "calls": """
doc = sandbox.connect(sandbox.client()).organization.impersonate(email="doc@example.com")
def many(calls):
    for _ in range(calls):
        doc.userinfo.read()
""",
    "awaited calls, 64 in flight": AWAITED
    + """
async def flight(calls):
    async def worker():
        for _ in range(calls // 64):
            await doc.userinfo.read()
    await asyncio.gather(*(worker() for _ in range(64)))
def many(calls):
    asyncio.run(flight(calls))
""",
    "cancelled calls": AWAITED
    + """
async def flight(calls):
    for _ in range(calls // 50):
        tasks = [asyncio.create_task(doc.userinfo.read()) for _ in range(50)]
        await asyncio.sleep(0)
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
def many(calls):
    asyncio.run(flight(calls))
""",
    "refused calls": """
client = sandbox.client()
doc = client.organization("x").impersonate("acc_1")
def many(calls):
    for _ in range(calls):
        try:
            doc.send("userinfo.read", {"no": 1})
        except orgconnect.InvalidError:
            pass
        client.organization("x").with_options(timeout=1)
""",
    "calls that fail": """
doc = sandbox.connect(sandbox.client()).organization.impersonate("acc_0123456789abcdef01234567")
def many(calls):
    for _ in range(calls):
        try:
            doc.userinfo.read()
        except orgconnect.OrgconnectError:
            pass
""",
    "calls to a store of one's own": """
from orgconnect.stores import ListedRecord, StoredRecord
class Own:
    identity = "own"
    record, version = None, 0
    def load(self, key):
        return self.record and StoredRecord(self.record, self.version)
    def save(self, key, record, expected):
        self.record, self.version = record, expected + 1
        return self.version
    def delete(self, key, expected):
        self.record = None
    def acquire(self, key, lease):
        return True
    def release(self, key, owner):
        pass
    def list(self, query):
        return [ListedRecord("clinic", self.version, self.record.expires_at)]
client = sandbox.client(store=Own())
sandbox.connect(client, connection_id="clinic")
def many(calls):
    for _ in range(calls):
        client.connections()
""",
}

PROGRAM = """
import gc
import orgconnect
from orgconnect.testing import Sandbox
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
with Sandbox() as sandbox:
    {use}
    # The sandbox keeps the last 2,000 requests, and allocators their pools.
    many({warm})
    before = resident()
    many({calls})
    print(resident() - before)
"""


@pytest.mark.parametrize("use", USES)
def test_a_hundred_thousand_calls_leave_nothing_behind(use: str) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is measured on Linux")
    warm = 0 if IS_SANITIZED else max(CALLS // 2, 2_200)
    program = PROGRAM.format(use=USES[use].replace("\n", "\n    "), warm=warm, calls=CALLS)
    grown = float(run(program, timeout=None))
    assert IS_SANITIZED or grown < 1


def test_what_outlives_its_client_goes_on() -> None:
    with Sandbox() as sandbox:
        for _ in range(CALLS // 100):
            client = sandbox.client()
            connection = sandbox.connect(client, connection_id="clinic")
            members = connection.organization.members.list()
            work = client._client.settle()
            del client, connection
            gc.collect(0)
            assert len(members.all()) == 5
            work.wait()


def test_a_client_that_was_left_can_be_used_again(orgconnect_sandbox: Sandbox) -> None:
    with orgconnect_sandbox.client() as client:
        organization = orgconnect_sandbox.connect(client).organization
    with client:
        assert len(organization.members.list().all()) == 5
    assert len(organization.members.list().all()) == 5


def test_a_sandbox_that_was_stopped_is_an_error_and_is_stopped_again() -> None:
    sandbox = Sandbox()
    organization = sandbox.connect(sandbox.client()).organization
    for _ in range(3):
        sandbox.stop()
    with pytest.raises(orgconnect.NetworkError):
        organization.with_options(retries=0).members.list().all()


def test_a_refresher_is_stopped_and_started_as_often_as_you_like(orgconnect_sandbox: Sandbox) -> None:
    refresher = orgconnect_sandbox.client().refresher(interval=0.01)
    for _ in range(CALLS // 200):
        refresher.start()
        with pytest.raises(RuntimeError, match="already"):
            refresher.start()
        refresher.stop()
        assert refresher.stop().rounds == 0


def test_calls_of_a_loop_that_was_closed_do_no_harm(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.async_client()

    async def leave_behind() -> list[asyncio.Task[object]]:
        organization = (await orgconnect_sandbox.connect_async(client, connection_id="clinic")).organization
        tasks = [asyncio.create_task(organization.members.list().all()) for _ in range(8)]
        await asyncio.sleep(0)
        return tasks

    for _ in range(CALLS // 200):
        loop = asyncio.new_event_loop()
        tasks = loop.run_until_complete(leave_behind())
        # Not cancelled: the loop is gone, and the calls are on their way.
        loop.close()
        for task in tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            task.get_coro().close()  # type: ignore[union-attr]
        del loop, tasks
        gc.collect(0)
    assert asyncio.run(_count(client)) == 5


async def _count(client: orgconnect.AsyncClient) -> int:
    return len(await client.organization("clinic").members.list().all())


def test_a_hub_takes_every_call_at_any_time(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.async_client()
    hub = _native.Hub()
    loop = asyncio.new_event_loop()
    for number in range(CALLS // 10):
        future = loop.create_future()
        begun = hub.start(client._client.settle(), future)
        if number % 3 == 0:
            future.cancel()
        for unknown in (begun, begun, begun + 1, 2**64 - 1)[number % 4 :]:
            hub.cancel(unknown)
        hub.drain()
    future = loop.create_future()
    hub.start(client._client.settle(), future)
    loop.close()
    # With a call under way that nobody will hear of.
    del hub


def test_threads_that_call_when_the_interpreter_ends_let_it_end() -> None:
    code = """
import threading
from orgconnect.testing import Sandbox
sandbox = Sandbox()
doc = sandbox.connect(sandbox.client()).organization.impersonate(email="doc@example.com")
busy = threading.Barrier(5)
def work():
    doc.userinfo.read()
    busy.wait()
    while True:
        doc.userinfo.read()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
busy.wait()
print("ended")
"""
    for _ in range(20 if IS_FULL else 3):
        assert run(code) == "ended\n"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="msgspec refuses subinterpreters there")
def test_a_subinterpreter_that_is_left_behind_lets_the_process_end() -> None:
    code = """
import _xxsubinterpreters as interpreters
interpreters.run_string(interpreters.create(), "import orgconnect; print(orgconnect.Client('id', 's'), flush=True)")
"""
    assert run(code) == "<Client id at us>\n"


@pytest.fixture
def panicking() -> object:
    """What panics when it is asked to; a build that is optimized has nothing that does."""
    if not hasattr(_native.Work, "_panicking"):
        pytest.skip("the native module is optimized")
    return _native.Work._panicking


@pytest.mark.parametrize("is_late", [False, True])
def test_a_panic_is_an_exception_and_no_more(
    panicking: object, is_late: bool, capfd: pytest.CaptureFixture[str], orgconnect_sandbox: Sandbox
) -> None:
    organization = orgconnect_sandbox.connect(orgconnect_sandbox.client()).organization
    for _ in range(CALLS // 100):
        with pytest.raises(orgconnect.OrgconnectError, match="defect") as raised:
            panicking(is_late).wait()  # type: ignore[operator]
        assert (type(raised.value), raised.value.kind) == (orgconnect.OrgconnectError, "unknown")
    assert len(organization.members.list().all()) == 5
    assert "a test asked for this panic" in capfd.readouterr().err


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_panic_of_an_awaited_call_is_an_exception_of_it_alone(
    panicking: object, is_late: bool, capfd: pytest.CaptureFixture[str], orgconnect_sandbox: Sandbox
) -> None:
    connection = await orgconnect_sandbox.connect_async(orgconnect_sandbox.async_client())
    doc = await connection.organization.impersonate(email="doc@example.com")
    for _ in range(CALLS // 400):
        panics = [outcome(panicking(is_late)) for _ in range(4)]  # type: ignore[operator]
        calls = [doc.userinfo.read() for _ in range(4)]
        done = await asyncio.wait_for(asyncio.gather(*panics, *calls, return_exceptions=True), 60)
        assert [type(error) for error in done[:4]] == [orgconnect.OrgconnectError] * 4
        assert [reply.sub for reply in done[4:]] == [doc.sub] * 4  # type: ignore[union-attr]
    assert "a test asked for this panic" in capfd.readouterr().err


async def test_what_one_delivery_raises_keeps_no_other_back(orgconnect_async_client: orgconnect.AsyncClient) -> None:
    class Broken:
        def done(self) -> bool:
            raise ZeroDivisionError

    loop = asyncio.get_running_loop()
    hub = _native.Hub()
    futures = [loop.create_future() for _ in range(3)]
    for future in (futures[0], Broken(), futures[1], Broken(), futures[2]):
        hub.start(orgconnect_async_client._client.settle(), future)  # type: ignore[arg-type]
    while not all(future.done() for future in futures):
        with contextlib.suppress(ZeroDivisionError):
            hub.drain()
        await asyncio.sleep(0.001)
