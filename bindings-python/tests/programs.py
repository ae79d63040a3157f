"""Programs of their own, for what happens to a whole process."""

from __future__ import annotations

import os
import subprocess
import sys


def run(code: str, *, timeout: float | None = 60) -> str:
    """Runs a program, and returns what it printed. One that fails, or hangs, is a failure."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout
