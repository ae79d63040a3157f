"""Every scenario, with the synchronous client and with the one for asyncio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from matching import Differs
from runner import Async, Sync, run

SCENARIOS = Path(__file__).parent.parent / "scenarios"
FILES = sorted(SCENARIOS.glob("**/*.yaml"))


class Loader(yaml.SafeLoader):
    """YAML 1.2 as far as scenarios go: a time is a text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> dict[str, Any]:
    """Reads a scenario."""
    return yaml.load(path.read_text(), Loader)  # noqa: S506 - a safe loader


@pytest.mark.parametrize("flavor", [Sync, Async], ids=["sync", "async"])
@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(SCENARIOS)) for path in FILES])
def test_scenario(path: Path, flavor: type[Sync]) -> None:
    run(read(path), flavor)


def test_scenarios_are_found() -> None:
    assert len(FILES) > 40


CALL = {"call": "organization.list_members", "via": "clinic"}


@pytest.mark.parametrize("flavor", [Sync, Async], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("step", "how"),
    [
        ({**CALL, "reply": {"status": 201}}, "status"),
        ({**CALL, "reply": {"empty": True}}, "empty"),
        ({**CALL, "reply": {"next_page": True}}, "next page"),
        ({**CALL, "reply": {"body": {"pages": {"total": 9}}}}, "/pages/total"),
        ({**CALL, "error": {"kind": "server"}}, "should fail"),
        ({**CALL, "sent": []}, "1 requests were sent and should be 0"),
        ({**CALL, "sent": [{"method": "POST"}]}, "/method"),
        ({**CALL, "sent": [{"query": {"a": "b"}}]}, "/query/a"),
        ({"call": "events.read", "via": "clinic", "error": {"kind": "plan"}}, "kind should be"),
        ({"call": "a.b", "via": "clinic", "error": {"kind": "invalid", "fields": {"x": "y"}}}, "x should be"),
        ({"counters": {"requests": 7}}, "/requests"),
    ],
)
def test_a_step_that_goes_otherwise_fails_and_says_how(
    step: dict[str, Any], how: str, flavor: type[Sync]
) -> None:
    scenario = {
        "scenario": "x",
        "given": {"connections": {"clinic": {"organization": "owner@example.com"}}},
        "steps": [step],
    }
    with pytest.raises(Differs, match=how):
        run(scenario, flavor)
