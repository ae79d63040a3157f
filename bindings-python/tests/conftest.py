"""What several tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orgconnect import Account, Organization
from orgconnect.testing import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for all tests of a module that change nothing which another sees."""
    with Sandbox(seed=7) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def organization(sandbox: Sandbox) -> Organization:
    """A connected organization in it."""
    return sandbox.connect(sandbox.client()).organization


@pytest.fixture(scope="module")
def doc(organization: Organization) -> Account:
    """A member of the organization."""
    return organization.impersonate(email="doc@example.com")
