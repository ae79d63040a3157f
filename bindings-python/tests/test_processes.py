"""Forks, signals and threads."""

from __future__ import annotations

import asyncio
import faulthandler
import http.client
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import orgconnect
from orgconnect._decode import decoder
from orgconnect.api.events import EventsPage
from orgconnect.testing import Sandbox
from programs import run

# The quick form, and the full one of the fault suite.
IS_FULL = os.environ.get("ORGCONNECT_FAULTS") == "full"
FORKS = 200 if IS_FULL else 20
EXPIRIES, CALLS = (20, 1000) if IS_FULL else (3, 100)

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
def test_a_child_reads_models_whatever_another_thread_was_finding_out_about_them() -> None:
    def find_out() -> None:
        decoder(EventsPage, lambda kind, value: value)

    is_over = threading.Event()

    def keep_finding_out() -> None:
        while not is_over.is_set():
            find_out()

    threads = [threading.Thread(target=keep_finding_out) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        codes = [in_a_child(find_out) for _ in range(FORKS)]
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * FORKS


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
    with Sandbox() as sandbox:
        client = sandbox.async_client()

        async def connect() -> orgconnect.AsyncOrganization:
            return (await sandbox.connect_async(client)).organization

        organization = asyncio.run(connect())

        async def count() -> int:
            return len(await organization.members.list().all())

        assert in_a_child(lambda: asyncio.run(count())) == 0
        assert asyncio.run(count()) == 5


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_refresher_of_the_parent_is_not_at_work_in_a_forked_child(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        client = sandbox.client(store=orgconnect.SqliteStore(tmp_path / "tokens.db"))
        sandbox.connect(client)
        refresher = client.refresher(interval=0.01)
        refresher.start()

        def work() -> None:
            # As a program does that has its stop registered for the end.
            assert refresher.stop().rounds == 0
            with refresher:
                until = time.monotonic() + 15
                while not refresher.stats().rounds:
                    assert time.monotonic() < until
                    time.sleep(0.01)
            assert refresher.run_once().rounds == 1

        assert in_a_child(work) == 0
        assert refresher.stop().rounds > 0


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
    assert run(code) == "interrupted\n"


def test_the_handler_of_a_signal_may_make_calls_while_a_call_waits() -> None:
    with Sandbox() as sandbox:
        client = sandbox.client()
        organization = sandbox.connect(client).organization
        doc = organization.impersonate(email="doc@example.com")
        sandbox.fault(path="/v1/organizational_unit_members", delay_before_ms=300, times=1)
        answers: list[str | None] = []

        def handle(number: int, frame: object) -> None:
            client.settle()
            answers.append(doc.userinfo.read().sub)

        before = signal.signal(signal.SIGALRM, handle)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            assert len(organization.members.list().all()) == 5
        finally:
            signal.signal(signal.SIGALRM, before)
        assert answers == [doc.sub]


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
        sandbox.fault(path="/oauth/token", delay_before_ms=200 if IS_FULL else 20)
        for expiry in range(1, EXPIRIES + 1):
            sandbox.advance(timedelta(hours=2))
            with ThreadPoolExecutor(16) as pool:
                subs = list(pool.map(lambda _: doc.userinfo.read().sub, range(CALLS)))
            assert subs == [doc.sub] * CALLS
            assert sum(sandbox.counters()["refreshes"].values()) == expiry


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_pool_of_forked_processes_uses_the_client_of_the_parent(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        client = sandbox.client(store=orgconnect.SqliteStore(tmp_path / "tokens.db"))
        global _organization
        _organization = sandbox.connect(client).organization
        assert _count(0) == 5
        # Each process makes one call, so each call begins with a fork.
        with multiprocessing.get_context("fork").Pool(4, maxtasksperchild=1) as pool:
            counts = pool.map_async(_count, range(FORKS), chunksize=1).get(120)
        assert counts == [5] * FORKS
        _organization = None


_organization: orgconnect.Organization | None = None


def _count(_: int) -> int:
    assert _organization is not None
    return len(_organization.members.list().all())


GUNICORN = """
import os, sys
import orgconnect
url, client_id, client_secret, database = sys.argv[-1].split()
client = orgconnect.Client(client_id, client_secret, base_url=url, store=orgconnect.SqliteStore(database))
organization = client.organization("clinic")
# The runtime is at work before the workers are forked.
assert len(organization.members.list().all()) == 5
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {len(organization.members.list().all())}".encode()]
"""


def test_workers_of_gunicorn_use_the_client_that_was_loaded_before_them(tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    with Sandbox() as sandbox:
        database = tmp_path / "tokens.db"
        client = sandbox.client(store=orgconnect.SqliteStore(database))
        sandbox.connect(client, connection_id="clinic")
        address = tmp_path / "socket"
        application = sandbox.application
        settings = f"{sandbox.url} {application.client_id} {application.client_secret.expose()} {database}"
        (tmp_path / "site.py").write_text("")
        (tmp_path / "clinic.py").write_text(GUNICORN.replace("sys.argv[-1]", "os.environ['CLINIC']"))
        # A worker ends with its first request, so nearly each request begins with a fork.
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--max-requests", "1"]
        # A file and not a pipe, which would be full before the full form is over.
        with (tmp_path / "log").open("w") as log_file:
            server = subprocess.Popen(
                [*command, "--bind", f"unix:{address}", "--worker-tmp-dir", str(tmp_path), "clinic:app"],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": ":".join(sys.path), "CLINIC": settings},
                stderr=log_file,
            )
        try:
            answers = [_ask(address) for _ in range(FORKS)]
        finally:
            server.terminate()
            server.wait(60)
        log = (tmp_path / "log").read_text()
        assert {answer.split()[1] for answer in answers} == {"5"}, log
        assert len({answer.split()[0] for answer in answers}) >= FORKS // 2, log


def _ask(address: Path) -> str:
    """Asks over a unix socket, which is there when the server has loaded the application."""
    until = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(60)
        try:
            connection.sock.connect(str(address))
            connection.request("GET", "/")
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()
        except (FileNotFoundError, ConnectionError):
            assert time.monotonic() < until, "the server does not come"
            time.sleep(0.05)
        finally:
            connection.close()


def test_a_connection_that_was_closed_between_two_calls_is_not_used(tmp_path: Path) -> None:
    """Not even for a call that is never repeated, and however short the time between was."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    listener = socket.create_server(("127.0.0.1", 0))
    closed = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # One request a connection, which is not announced.
            connection.recv(65536)
            connection.sendall(reply)
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
            closed.set()

    server = threading.Thread(target=serve)
    server.start()
    client = orgconnect.Client("id", "secret", base_url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        for number in range(40):
            closed.clear()
            client.with_options(retries=0).request("POST", "/v1/anything", body={})
            assert closed.wait(10)
            time.sleep(0.002 + 0.001 * number)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.join()


async def test_calls_of_threads_and_of_an_event_loop_go_on_beside_each_other() -> None:
    with Sandbox() as sandbox:
        blocking = sandbox.client()
        doc = sandbox.connect(blocking).organization.impersonate(email="doc@example.com")
        connection = await sandbox.connect_async(sandbox.async_client())
        nurse = await connection.organization.impersonate(email="nurse@example.com")
        for _ in range(20):
            calls = [nurse.userinfo.read() for _ in range(4)]
            threads = [asyncio.to_thread(doc.userinfo.read) for _ in range(4)]
            replies = await asyncio.gather(*calls, *threads)
            assert [reply.sub for reply in replies] == [nurse.sub] * 4 + [doc.sub] * 4
            # Alone, right after a thread has left.
            assert (await asyncio.wait_for(nurse.userinfo.read(), 10)).sub == nurse.sub
            assert doc.userinfo.read().sub == doc.sub


def test_what_a_call_began_in_the_background_goes_on_after_it() -> None:
    with Sandbox(now=NOW) as sandbox:
        sandbox.settings(access_token_ttl_ms=3_600_000)
        doc = sandbox.connect(sandbox.client()).organization.impersonate(email="doc@example.com")
        # Still good, but not for long: it is used, and refreshed meanwhile.
        sandbox.advance(3_570)
        sandbox.fault(path="/oauth/token", delay_before_ms=50, times=1)
        assert doc.userinfo.read().sub == doc.sub
        until = time.monotonic() + 20
        while not sandbox.counters()["refreshes"]:
            assert time.monotonic() < until
            time.sleep(0.01)
