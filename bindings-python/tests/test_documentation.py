"""Every operation has its typed call, documented with an example that the core accepts; and what the README shows runs."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import orgconnect
import orgconnect.api
import programs
from orgconnect._calls import Area, AsyncArea, Operation
from pieces import blocks

ROOT = Path(__file__).parent.parent
DESCRIPTION = ROOT.parent / "api" / "areas"


def modules() -> Iterator[Any]:
    for found in pkgutil.iter_modules(orgconnect.api.__path__):
        if not found.name.startswith("_"):
            yield importlib.import_module(f"orgconnect.api.{found.name}")


def areas() -> Iterator[tuple[type[Any], bool]]:
    for module in modules():
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and issubclass(value, Area | AsyncArea):
                yield value, issubclass(value, AsyncArea)


def calls() -> Iterator[tuple[str, Any, bool]]:
    for area, is_async in areas():
        for name, method in vars(area).items():
            if inspect.isfunction(method):
                yield f"{area.__name__}.{name}", method, is_async


def test_every_operation_that_is_described_has_a_typed_call() -> None:
    described = {
        name for path in DESCRIPTION.glob("*.yaml") for name in re.findall(r"operationId: ([a-z_.]+)", path.read_text())
    }
    known = {value.name for module in modules() for value in vars(module).values() if isinstance(value, Operation)}
    assert known == described
    for is_async in (False, True):
        constants = {
            constant
            for _, method, flavor in calls()
            if flavor is is_async
            for constant in re.findall(r"\b_[A-Z_]+\b", inspect.getsource(method))
        }
        assert len(constants) == len(described)


EXAMPLES = [
    pytest.param(example, is_async, id=name)
    for name, method, is_async in calls()
    for example in re.findall(r"```python\n(.*?)```", inspect.getdoc(method) or "", re.DOTALL)
]


def test_every_call_has_an_example() -> None:
    assert len(EXAMPLES) == len(list(calls()))


@pytest.fixture(scope="module")
def nowhere() -> dict[str, Any]:
    """Handles of clients whose server answers to nobody: what reaches it was accepted."""
    once = orgconnect.RetryPolicy(attempts=1)
    settings: dict[str, Any] = {"proxy": "http://127.0.0.1:9", "retry": once}
    return {
        "sync": orgconnect.Client("id", "secret", **settings),
        "async": orgconnect.AsyncClient("id", "secret", **settings),
    }


@pytest.mark.parametrize(("example", "is_async"), EXAMPLES)
def test_the_example_of_a_call_is_accepted_by_the_core(example: str, is_async: bool, nowhere: dict[str, Any]) -> None:
    client = nowhere["async" if is_async else "sync"]
    names = {
        "client": client,
        "account": client.account("nobody"),
        "organization": client.organization("nobody"),
        "service_account": client.service_account("nobody"),
    }
    if "client.applications" in example:
        names["client"] = client.admin("key")
    if "account.scheduling_requests" in example:
        # Only a member has them, and not an account that is connected by itself.
        names["account"] = client.organization("nobody").impersonate("acc_1")
    # It gets as far as the tokens that are not there, or the server that is not there: its arguments are in order.
    with pytest.raises((orgconnect.AuthorizationError, orgconnect.NetworkError)):
        run(example, names, is_async)


def run(code: str, names: dict[str, Any], is_async: bool) -> None:
    if is_async:
        asyncio.run(_awaited(eval(compile(code, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)))
    else:
        exec(code, names)


async def _awaited(coroutine: Any) -> None:
    await coroutine


def test_everything_public_is_documented() -> None:
    for name in orgconnect.__all__:
        value = getattr(orgconnect, name)
        if isinstance(value, type):
            assert inspect.getdoc(value), name
            for attribute, member in vars(value).items():
                if not attribute.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                    assert inspect.getdoc(member), f"{name}.{attribute}"


def test_the_asynchronous_classes_mirror_the_synchronous_ones() -> None:
    pairs = [("Client", "AsyncClient"), ("Organization", "AsyncOrganization"), ("Account", "AsyncAccount")]
    pairs += [("ServiceAccount", "AsyncServiceAccount"), ("Connection", "AsyncConnection"), ("Pages", "AsyncPages")]
    pairs += [("Refresher", "AsyncRefresher")]
    for one, other in pairs:
        public = [
            {name for name in dir(getattr(orgconnect, kind)) if not name.startswith("_")} for kind in (one, other)
        ]
        assert public[0] == public[1], (one, other)


def test_what_the_readme_shows_runs() -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    shown = blocks((ROOT / "README.md").read_text())
    assert len(shown) > 5
    for block in shown:
        exec(compile(block, "README.md", "exec"), names)
    names["sandbox"].stop()


def test_the_quickstart_stands_alone() -> None:
    quickstart = blocks((ROOT / "README.md").read_text())[0]
    printed = programs.run(quickstart)
    assert "doc@example.com" in printed
    assert "Check-up" in printed
