"""The example stores keep the contract, and carry a connection through its life."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import create_engine

import orgconnect
from orgconnect import stores
from orgconnect.testing import Sandbox
from sites import DjangoSite
from sqlalchemy_store import SqlAlchemyStore


@pytest.fixture(params=["django", "sqlalchemy"])
def store(request: pytest.FixtureRequest, tmp_path: Path, orgconnect_sandbox: Sandbox) -> Iterator[stores.TokenStore]:
    if request.param == "django":
        site = DjangoSite(orgconnect_sandbox)
        assert not isinstance(site.store, stores.Store)
        yield site.store
        site.stop()
    else:
        engine = create_engine(f"sqlite:///{tmp_path}/tokens.db", connect_args={"timeout": 30})
        store = SqlAlchemyStore(engine)
        store.create_tables()
        yield store
        engine.dispose()


def test_an_example_store_keeps_the_contract(store: stores.TokenStore) -> None:
    stores.check(store)


def test_a_connection_lives_in_an_example_store(store: stores.TokenStore, orgconnect_sandbox: Sandbox) -> None:
    client = orgconnect_sandbox.client(store=store)
    connection = orgconnect_sandbox.connect(client, connection_id="clinic")
    before = connection.summary().version
    orgconnect_sandbox.expire()
    later = orgconnect_sandbox.client(store=store)
    assert len(later.organization("clinic").members.list().all()) == 5
    assert later.connection("clinic").summary().version > before
    assert [found.id for found in client.connections()] == ["clinic"]


def test_many_threads_refresh_once(store: stores.TokenStore, orgconnect_sandbox: Sandbox) -> None:
    orgconnect_sandbox.settings(refresh_mode="strict")
    orgconnect_sandbox.connect(orgconnect_sandbox.client(store=store), connection_id="clinic")
    orgconnect_sandbox.expire()
    clients = [orgconnect_sandbox.client(store=store) for _ in range(4)]
    errors: list[BaseException] = []

    def read(client: orgconnect.Client) -> None:
        try:
            client.organization("clinic").members.list().all()
        except BaseException as error:
            errors.append(error)

    threads = [Thread(target=read, args=(client,)) for client in clients for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert orgconnect_sandbox.counters()["token_requests"]["refresh_token"] == 1
