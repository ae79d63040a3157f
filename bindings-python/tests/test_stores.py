"""Stores: those of the package, and those of an application's own, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import orgconnect
from orgconnect import FileStore, Keys, MemoryStore, SealedStore, SqliteStore, Store
from orgconnect import stores as contract
from orgconnect.stores import ConnectionKey, Lease, ListedRecord, ListQuery, Record, StoredRecord, StoreError
from orgconnect.testing import Sandbox
from servers import Server


def test_the_stores_of_the_package_keep_their_contract(tmp_path: Path) -> None:
    keys = Keys.from_base64(Keys.generate())
    for store in (
        MemoryStore(),
        FileStore(tmp_path / "files"),
        SqliteStore(tmp_path / "tokens.db"),
        SealedStore(SqliteStore(tmp_path / "sealed.db"), keys),
    ):
        contract.check(store)
        assert isinstance(store, Store)
        assert store.identity in repr(store)
        assert store.is_encrypted is not isinstance(store, FileStore | SqliteStore)


class OwnStore:
    """A store like one that a user writes: over a dict and a lock."""

    def __init__(self) -> None:
        self.identity = f"own:{id(self)}"
        self.lock = threading.Lock()
        self.records: dict[ConnectionKey, StoredRecord] = {}
        self.leases: dict[ConnectionKey, tuple[str, float]] = {}

    def load(self, key: ConnectionKey) -> StoredRecord | None:
        with self.lock:
            return self.records.get(key)

    def save(self, key: ConnectionKey, record: Record, expected: int) -> int:
        with self.lock:
            found = self.records.get(key)
            if (found.version if found else 0) != expected:
                raise StoreError.conflict()
            self.records[key] = StoredRecord(record, expected + 1)
            return expected + 1

    def delete(self, key: ConnectionKey, expected: int) -> None:
        with self.lock:
            found = self.records.get(key)
            if (found.version if found else 0) != expected:
                raise StoreError.conflict()
            self.records.pop(key, None)

    def acquire(self, key: ConnectionKey, lease: Lease) -> bool:
        with self.lock:
            held = self.leases.get(key)
            if held is not None and held[1] > time.monotonic():
                return False
            self.leases[key] = (lease.owner, time.monotonic() + lease.ttl)
            return True

    def release(self, key: ConnectionKey, owner: str) -> None:
        with self.lock:
            if self.leases.get(key, ("", 0.0))[0] == owner:
                del self.leases[key]

    def list(self, query: ListQuery) -> list[ListedRecord]:
        with self.lock:
            found = [
                ListedRecord(key.connection, stored.version, stored.record.expires_at)
                for key, stored in self.records.items()
                if key.namespace == query.namespace
                and (query.after is None or key.connection > query.after)
                and (
                    query.expires_before is None
                    or (stored.record.expires_at is not None and stored.record.expires_at < query.expires_before)
                )
            ]
        return sorted(found)[: query.limit]


class OwnAsyncStore:
    """The same with `async` methods, which insist on the loop that they are to run on."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._inner = OwnStore()
        self._loop = loop
        self.identity = self._inner.identity

    async def _turn(self) -> OwnStore:
        running = asyncio.get_running_loop()
        assert self._loop is None or self._loop is running, "another event loop"
        await asyncio.sleep(0)
        return self._inner

    async def load(self, key: ConnectionKey) -> StoredRecord | None:
        return (await self._turn()).load(key)

    async def save(self, key: ConnectionKey, record: Record, expected: int) -> int:
        return (await self._turn()).save(key, record, expected)

    async def delete(self, key: ConnectionKey, expected: int) -> None:
        (await self._turn()).delete(key, expected)

    async def acquire(self, key: ConnectionKey, lease: Lease) -> bool:
        return (await self._turn()).acquire(key, lease)

    async def release(self, key: ConnectionKey, owner: str) -> None:
        (await self._turn()).release(key, owner)

    async def list(self, query: ListQuery) -> list[ListedRecord]:
        return (await self._turn()).list(query)


def test_a_store_of_ones_own_is_proven() -> None:
    contract.check(OwnStore())


def test_a_store_with_async_methods_is_proven_from_a_synchronous_program() -> None:
    contract.check(OwnAsyncStore())


async def test_a_store_with_async_methods_runs_on_the_running_loop() -> None:
    await contract.check_async(OwnAsyncStore(asyncio.get_running_loop()))


class Forgetful(OwnStore):
    """Overwrites what others have written."""

    def save(self, key: ConnectionKey, record: Record, expected: int) -> int:
        with self.lock:
            self.records[key] = StoredRecord(record, expected + 1)
        return expected + 1


class Generous(OwnStore):
    """Gives a lease to everybody."""

    def acquire(self, key: ConnectionKey, lease: Lease) -> bool:
        return True


@pytest.mark.parametrize("kind", [Forgetful, Generous])
def test_a_store_that_breaks_a_promise_is_told_which(kind: type[OwnStore]) -> None:
    with pytest.raises(AssertionError, match=r"save|lease|owner"):
        contract.check(kind())


def test_a_client_keeps_its_tokens_in_a_store_of_ones_own(orgconnect_sandbox: Sandbox) -> None:
    store = OwnStore()
    client = orgconnect_sandbox.client(store=store)
    connection = orgconnect_sandbox.connect(client, connection_id="clinic")
    orgconnect_sandbox.expire()
    assert connection.organization.members.list().all()
    (key,) = [key for key in store.records if key.connection == "clinic"]
    assert key.namespace.endswith(orgconnect_sandbox.application.client_id)
    assert store.records[key].version > 1
    shown = f"{store.records[key]!r}"
    assert connection.access_token().expose() not in shown
    again = orgconnect_sandbox.client(store=store)
    assert again.connection("clinic").summary().state == "active"


async def test_an_async_client_keeps_its_tokens_in_a_store_on_its_loop(orgconnect_sandbox: Sandbox) -> None:
    store = OwnAsyncStore(asyncio.get_running_loop())
    client = orgconnect_sandbox.async_client(store=store)
    connection = await orgconnect_sandbox.connect_async(client, connection_id="clinic")
    orgconnect_sandbox.expire()
    assert await connection.organization.members.list().all()


class Broken(OwnStore):
    """Can't be reached."""

    def load(self, key: ConnectionKey) -> StoredRecord | None:
        raise sqlite3.OperationalError("the disk is gone")


def test_what_a_store_raises_is_the_cause_of_the_error(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.client(store=Broken())
    with pytest.raises(orgconnect.StoreError) as raised:
        client.connection("x").summary()
    assert (raised.value.code, raised.value.is_transient) == ("store_unavailable", True)
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
    assert raised.value.__cause__.__traceback__ is not None


class Odd(OwnStore):
    """Answers with something else."""

    def load(self, key: ConnectionKey) -> Any:
        return "a record"


def test_a_store_that_answers_with_something_else_is_an_error(orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.client(store=Odd())
    with pytest.raises(orgconnect.StoreError) as raised:
        client.connection("x").summary()
    assert raised.value.__cause__ is not None


def test_a_directory_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(orgconnect.StoreError) as raised:
        FileStore(tmp_path / "open")
    assert raised.value.code == "store_refused"


def test_sealed_records_move_to_another_key(tmp_path: Path, orgconnect_sandbox: Sandbox) -> None:
    old = Keys.from_base64(Keys.generate())
    new = Keys.from_base64(Keys.generate())
    store = SealedStore(SqliteStore(tmp_path / "tokens.db"), old)
    client = orgconnect_sandbox.client(store=store)
    token = orgconnect_sandbox.connect(client, connection_id="clinic").access_token().expose()
    assert token.encode() not in (tmp_path / "tokens.db").read_bytes()
    store.replace_keys(new.with_older(old))
    namespace = f"{orgconnect_sandbox.url}/{orgconnect_sandbox.application.client_id}"
    done = contract.rewrap_all(store, namespace)
    assert (done.moved, done.unchanged, done.failed) == (1, 0, {})
    assert contract.rewrap_all(store, namespace).unchanged == 1
    store.replace_keys(new)
    assert orgconnect_sandbox.client(store=store).connection("clinic").summary().state == "active"
    assert new.current_id in repr(new)


@pytest.fixture(scope="module", params=["postgres", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the tests' own."""
    with Server(request.param) as server:
        yield server


def test_a_store_on_a_server_keeps_its_contract(server: Server) -> None:
    store = server.store()
    contract.prepare(store)
    contract.check(store)
    assert contract.open(server.url).identity == store.identity
    assert "canary" not in f"{store!r}"
    sealed = SealedStore(server.store(), Keys.from_base64(Keys.generate()))
    contract.check(sealed)


async def test_a_store_on_a_server_keeps_its_contract_on_an_event_loop(server: Server) -> None:
    store = server.store()
    await contract.prepare_async(store)
    await contract.check_async(store)


def test_two_clients_share_what_a_server_keeps(server: Server) -> None:
    with Sandbox(now=datetime(2031, 3, 3, 9, tzinfo=timezone.utc)) as sandbox:
        clients = [sandbox.client(store=server.store()) for _ in range(2)]
        sandbox.connect(clients[0], connection_id="clinic")
        for expiry in range(1, 4):
            sandbox.advance(7200)
            with ThreadPoolExecutor(8) as pool:
                calls = [client.organization("clinic").members.list().all for client in clients * 8]
                assert [len(members) for members in pool.map(lambda call: call(), calls)] == [5] * 16
            assert sum(sandbox.counters()["refreshes"].values()) == expiry


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_reaches_the_server_by_connections_of_its_own(server: Server) -> None:
    with Sandbox() as sandbox:
        client = sandbox.client(store=server.store())
        organization = sandbox.connect(client).organization
        assert len(organization.members.list().all()) == 5
        for _ in range(5):
            child = os.fork()
            if child == 0:
                done = 1
                with contextlib.suppress(BaseException):
                    sandbox.expire()
                    done = 0 if len(organization.members.list().all()) == 5 else 2
                os._exit(done)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert len(organization.members.list().all()) == 5


def test_a_server_that_is_gone_is_a_passing_failure_of_the_store(server: Server) -> None:
    with Sandbox(now=datetime(2031, 3, 3, 9, tzinfo=timezone.utc)) as sandbox:
        client = sandbox.client(store=server.store())
        organization = sandbox.connect(client).organization
        server.tell("kill")
        try:
            # The token that is in memory is good, and is used.
            assert len(organization.members.list().all()) == 5
            sandbox.advance(7200)
            with pytest.raises(orgconnect.StoreError) as raised:
                organization.members.list().all()
            assert raised.value.is_transient
            assert sum(sandbox.counters()["refreshes"].values()) == 0
        finally:
            server.tell("start")
        # What was saved is there again with the server, unless it keeps nothing.
        if server.kind == "postgres":
            assert len(organization.members.list().all()) == 5


def test_a_server_that_answers_nothing_is_given_up_in_time(server: Server) -> None:
    with Sandbox() as sandbox:
        client = sandbox.client(store=server.store(), store_timeout=0.5)
        connection = sandbox.connect(client, connection_id="clinic")
        server.tell("pause")
        try:
            with pytest.raises(orgconnect.StoreError) as raised:
                connection.summary()
            assert raised.value.is_transient
        finally:
            server.tell("resume")
        assert connection.summary().state == "active"


def test_the_keyring_keeps_the_key_and_sealed_files_the_tokens(tmp_path: Path) -> None:
    code = """
import sys
from orgconnect import KeyringStore, Keys, stores
from orgconnect.testing import Sandbox
directory = sys.argv[1]
store = KeyringStore(directory)
stores.check(store)
assert store.is_encrypted
with Sandbox() as sandbox:
    token = sandbox.connect(sandbox.client(store=store), connection_id="clinic").access_token().expose()
    again = sandbox.client(store=stores.open("keyring:" + directory))
    assert len(again.organization("clinic").members.list().all()) == 5
    print("kept", token)
"""
    keyring = Path(__file__).parents[2] / "tests/services/keyring"
    done = subprocess.run(
        [keyring, "unlocked", tmp_path, sys.executable, "-c", code, tmp_path / "t"],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith("kept "), done.stderr
    token = done.stdout.split()[1].encode()
    kept = [path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file()]
    assert kept
    assert not any(token in content for content in kept)


def test_addresses_of_servers_are_checked_and_never_shown() -> None:
    for kind, url in (
        (orgconnect.PostgresStore, "mysql://u:canary@h/d"),
        (orgconnect.RedisStore, "http://u:canary@h/0"),
    ):
        with pytest.raises(orgconnect.StoreError) as raised:
            kind(url)
        assert "canary" not in f"{raised.value!r}"


def test_times_cross_to_the_millisecond() -> None:
    at = datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=timezone.utc)
    assert contract._from_ms(contract._to_ms(at)) == at


def test_a_store_is_opened_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_KEYS", Keys.generate())
    for text in (
        "memory:",
        f"file:{tmp_path}/files",
        f"sqlite:{tmp_path}/a.db",
        f"sqlite:{tmp_path}/b.db?key=env:TOKEN_KEYS",
    ):
        store = contract.open(text)
        contract.check(store)
        assert store.is_encrypted is ("key" in text or text == "memory:")
    with pytest.raises(orgconnect.StoreError) as raised:
        contract.open("mysql://user:canary@host/database")
    assert raised.value.code == "store_refused"
    assert "canary" not in f"{raised.value!r}"


def test_without_a_keyring_nothing_is_written_in_clear_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    with pytest.raises(orgconnect.StoreError):
        orgconnect.KeyringStore(tmp_path / "tokens")
    assert not [path for path in (tmp_path / "tokens").rglob("*") if path.is_file() and path.stat().st_size > 64]
