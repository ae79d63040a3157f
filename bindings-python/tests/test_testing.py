"""The sandbox for a user's own tests: as a fixture, as a context manager, within the process and as the program."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import orgconnect
from orgconnect.testing import Sandbox, SandboxError

PROGRAM = (
    Path(__file__).parent.parent.parent / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/orgconnect-sandbox"
)


def test_a_users_test_needs_nothing_but_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_a_member_is_found(orgconnect_sandbox, orgconnect_client):
            organization = orgconnect_sandbox.connect(orgconnect_client).organization
            assert organization.impersonate(email="doc@example.com").userinfo.read().email == "doc@example.com"

        def test_every_test_has_a_world_of_its_own(orgconnect_sandbox):
            assert orgconnect_sandbox.requests() == []
        """
    )
    pytester.runpytest("-p", "no:asyncio", "-p", "orgconnect._pytest_plugin").assert_outcomes(passed=2)


def test_the_program_serves_as_well_as_the_sandbox_within() -> None:
    with Sandbox(seed=7, program=PROGRAM) as outside, Sandbox(seed=7) as inside:
        for sandbox in (outside, inside):
            organization = sandbox.connect(sandbox.client()).organization
            assert [member.email for member in organization.members.list()][:1] == ["owner@example.com"]
        assert outside.application.client_id != ""


def test_a_program_that_is_none_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "no-sandbox"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match="status 3"):
        Sandbox(program=program)


def test_both_clocks_move_together() -> None:
    start = datetime(2031, 3, 3, 9, tzinfo=timezone.utc)
    with Sandbox(now=start) as sandbox:
        client = sandbox.client()
        connection = sandbox.connect(client)
        assert connection.summary().issued_at == start
        sandbox.advance(timedelta(days=1))
        assert sandbox.clock is not None
        assert sandbox.clock.now() == start + timedelta(days=1)
        assert connection.organization.members.list().all()
        assert connection.summary().issued_at == start + timedelta(days=1)


def test_a_revoked_connection_needs_its_owner_again(orgconnect_sandbox: Sandbox) -> None:
    connection = orgconnect_sandbox.connect(orgconnect_sandbox.client())
    orgconnect_sandbox.revoke(str(connection.summary().sub))
    with pytest.raises(orgconnect.AuthorizationError) as raised:
        connection.organization.members.list().all()
    assert raised.value.needs_reauthorization


def test_a_world_is_kept_in_a_file(tmp_path: Path) -> None:
    store = orgconnect.MemoryStore()
    with Sandbox(data=tmp_path / "world.db") as sandbox:
        application = sandbox.application
        sandbox.connect(sandbox.client(store=store), connection_id="clinic")
    with Sandbox(data=tmp_path / "world.db") as sandbox:
        known = sandbox.control("GET", "/sandbox/applications")["applications"]
        assert application.client_id in [found["client_id"] for found in known]


def test_the_sandbox_says_what_it_refuses(orgconnect_sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="404"):
        orgconnect_sandbox.control("GET", "/sandbox/nowhere")
    orgconnect_sandbox.reset()
    assert orgconnect_sandbox.application.client_id
    orgconnect_sandbox.stop()
    orgconnect_sandbox.stop()
