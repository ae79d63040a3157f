"""Fixtures for pytest: a sandbox for each test, and clients of an application in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from . import AsyncClient, Client
    from .testing import Sandbox


@pytest.fixture
def orgconnect_sandbox() -> Iterator[Sandbox]:
    """A server that behaves like Cronofy, for this test alone."""
    from .testing import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def orgconnect_client(orgconnect_sandbox: Sandbox) -> Client:
    """A client of an application in the sandbox."""
    return orgconnect_sandbox.client()


@pytest.fixture
def orgconnect_async_client(orgconnect_sandbox: Sandbox) -> AsyncClient:
    """A client for asyncio, of an application in the sandbox."""
    return orgconnect_sandbox.async_client()
