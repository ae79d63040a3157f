"""Forks, signals and threads."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import orgconnect
from orgconnect.testing import Sandbox

# How many children are forked: the quick form, and the full one of the fault suite.
FORKS = 200 if os.environ.get("ORGCONNECT_FAULTS") == "full" else 20

NOW = datetime(2031, 3, 3, 9, tzinfo=timezone.utc)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


def in_a_child(work: Callable[[], object]) -> int:
    """Runs work in a forked child; a child that hangs is ended, and is a failure."""
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(20, exit=True)
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("kind", ["sqlite", "file", "memory"])
def test_a_client_that_was_made_before_a_fork_works_after_it(kind: str, tmp_path: Path) -> None:
    stores: dict[str, Callable[[], orgconnect.Store]] = {
        "sqlite": lambda: orgconnect.SqliteStore(tmp_path / "tokens.db"),
        "file": lambda: orgconnect.FileStore(tmp_path / "tokens"),
        "memory": orgconnect.MemoryStore,
    }
    with Sandbox() as sandbox:
        client = sandbox.client(store=stores[kind]())
        organization = sandbox.connect(client, connection_id="clinic").organization
        doc = organization.impersonate(email="doc@example.com")
        slow = doc.with_options(timeout=30)

        def work() -> None:
            assert doc.userinfo.read().sub == doc.sub
            assert slow.userinfo.read().sub == doc.sub
            assert len(organization.members.list().all()) == 5
            assert client.connection("clinic").summary().state == "active"

        busy = threading.Event()

        def keep_calling() -> None:
            while not busy.is_set():
                doc.userinfo.read()

        # Calls go on in the parent while it forks.
        thread = threading.Thread(target=keep_calling)
        thread.start()
        try:
            codes = [in_a_child(work) for _ in range(FORKS)]
        finally:
            busy.set()
            thread.join()
        assert codes == [0] * FORKS
        work()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_refresh_that_was_under_way_in_the_parent_is_not_waited_for_in_the_child(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        client = sandbox.client(store=orgconnect.SqliteStore(tmp_path / "tokens.db"))
        organization = sandbox.connect(client).organization
        sandbox.expire()
        sandbox.fault(path="/oauth/token", delay_before_ms=300, times=1)
        caller = threading.Thread(target=lambda: organization.members.list().all())
        caller.start()
        while not any(request["path"] == "/oauth/token" for request in sandbox.requests()[-1:]):
            if not caller.is_alive():
                break
        code = in_a_child(lambda: organization.members.list().all())
        caller.join()
        assert code == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_application_calendar_of_the_parent_says_at_once_what_to_do() -> None:
    with Sandbox() as sandbox:
        client = sandbox.client()
        calendar = client.application_calendar("room-1")

        def work() -> None:
            with pytest.raises(RuntimeError, match="forked; make it again"):
                calendar.calendars.list()
            assert client.application_calendar("room-1").calendars.list().calendars

        assert in_a_child(work) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_asyncio_works_in_a_forked_child() -> None:
    import asyncio

    with Sandbox() as sandbox:
        client = sandbox.async_client()

        async def connect() -> orgconnect.AsyncOrganization:
            return (await sandbox.connect_async(client)).organization

        organization = asyncio.run(connect())

        async def count() -> int:
            return len(await organization.members.list().all())

        assert in_a_child(lambda: asyncio.run(count())) == 0
        assert asyncio.run(count()) == 5


def test_ctrl_c_interrupts_a_call_that_waits() -> None:
    code = """
import signal, threading, os, time
from orgconnect.testing import Sandbox
with Sandbox() as sandbox:
    organization = sandbox.connect(sandbox.client()).organization
    sandbox.fault(path="/v1/organizational_unit_members", delay_before_ms=30000)
    def interrupt():
        while sandbox.requests()[-1]["path"] != "/v1/organizational_unit_members":
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
    # Where a shell began the tests in the background, Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        organization.members.list().all()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "interrupted\n", done.stderr


def test_a_waiting_call_leaves_the_interpreter_to_others(orgconnect_sandbox: Sandbox) -> None:
    organization = orgconnect_sandbox.connect(orgconnect_sandbox.client()).organization
    orgconnect_sandbox.fault(path="/v1/organizational_unit_members", delay_before_ms=300)
    caller = threading.Thread(target=lambda: organization.members.list().all())
    caller.start()
    # The sandbox answers nobody until the time is over, and this thread goes on meanwhile.
    steps = 0
    while caller.is_alive():
        steps += 1
    caller.join()
    assert steps > 1000


def test_many_threads_share_a_client_and_one_refresh() -> None:
    with Sandbox(now=NOW) as sandbox:
        client = sandbox.client()
        doc = sandbox.connect(client).organization.impersonate(email="doc@example.com")
        for expiry in range(1, 6):
            sandbox.advance(timedelta(hours=2))
            with ThreadPoolExecutor(16) as pool:
                subs = set(pool.map(lambda _: doc.userinfo.read().sub, range(100)))
            assert subs == {doc.sub}
            assert sum(sandbox.counters()["refreshes"].values()) == expiry
