"""A PostgreSQL or a Redis of the tests' own: the program `orgconnect-test-services`, which `tools/test` builds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from orgconnect import PostgresStore, RedisStore

_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target"))


class Server:
    """A server, which ends with the tests however they end."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        program = _TARGET / "debug" / "orgconnect-test-services"
        self._process = subprocess.Popen([program, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._read()
        """Its address, with the password."""

    def store(self) -> PostgresStore | RedisStore:
        """A store on it, with connections of its own."""
        return PostgresStore(self.url) if self.kind == "postgres" else RedisStore(self.url)

    def tell(self, word: str) -> None:
        """Does something to it: `pause`, `resume`, `kill` or `start`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._read() == "done"

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the server did not start; run `tools/setup services`"
        return line

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)
