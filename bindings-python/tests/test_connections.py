"""What is known of connections."""

from __future__ import annotations

from pathlib import Path

import orgconnect
from orgconnect.testing import Sandbox


def test_a_record_that_cannot_be_read_is_listed_with_the_reason(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        files = orgconnect.SqliteStore(tmp_path / "tokens.db")
        keys = [orgconnect.Keys.from_base64(orgconnect.Keys.generate()) for _ in range(2)]
        sandbox.connect(sandbox.client(store=orgconnect.SealedStore(files, keys[0])), connection_id="clinic")
        (summary,) = sandbox.client(store=orgconnect.SealedStore(files, keys[1])).connections()
        assert (summary.id, summary.state) == ("clinic", "unreadable")
        assert summary.reason
