"""Writes the code of README and cookbook into modules, for type checkers: `pieces.py DIRECTORY`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def blocks(text: str) -> list[str]:
    """The Python in a text."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def modules() -> dict[str, str]:
    """The README as a whole; each section of the cookbook, after the client that it uses; and files that have a name."""
    found = {"readme": "\n".join(blocks((ROOT / "README.md").read_text()))}
    text = (ROOT / "docs/cookbook.md").read_text()
    sections = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    client = "\n".join(blocks(dict(sections)["The client"]))
    for title, section in sections:
        pieces = [] if title == "The client" else [client]
        for block in blocks(section):
            named = re.match(r"# (\S+)\.py\n", block)
            if named:
                found[re.sub(r"\W", "_", named[1])] = block
            else:
                pieces.append(block)
        found["cookbook_" + re.sub(r"\W", "_", title.lower())] = "\n".join(pieces)
    return found


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, code in modules().items():
        (directory / f"{name}.py").write_text(code)
