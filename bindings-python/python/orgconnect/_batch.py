"""Many writes in one request, and the verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from ._calls import Caller, Operation, encode, mapping
from ._errors import InvalidError, OrgconnectError
from ._native import Batch as NativeBatch
from ._pages import Pages
from .api._handles import AccountAreas

T = TypeVar("T")


class Verdict(NamedTuple):
    """What became of one entry of a batch."""

    reply: Any
    """The reply's JSON; mostly None."""
    error: OrgconnectError | None
    """The error that the same call would have ended with by itself; None if it was carried out."""

    @property
    def ok(self) -> bool:
        """Whether it was carried out."""
        return self.error is None


class Batch(AccountAreas):
    """Writes that are sent together: at most 50. Each is checked when it is added.

    Its typed calls add to the batch and send nothing:

        batch = Batch()
        batch.events.upsert("cal_1", event_id="check-up", summary="Check-up", start=start, end=end)
        batch.events.delete("cal_1", event_id="old")
        for verdict in doc.send_batch(batch): ...

    Raises `InvalidError` when an entry is added to a full batch, for what Cronofy doesn't take in a batch, and for an
    argument that is wrong. The batch is then as it was.
    """

    def __init__(self) -> None:
        self.native = NativeBatch()
        self._caller: Caller = _Adding(self.native)

    def add(self, operation: str, arguments: Mapping[str, Any]) -> None:
        """Adds an operation by its name, with arguments by their wire names."""
        self.native.add(operation, encode(mapping("arguments", arguments)))

    def __len__(self) -> int:
        return len(self.native)

    def __repr__(self) -> str:
        return f"<Batch of {len(self)}>"


class _Adding:
    """Adds calls to a batch. What can be in a batch returns nothing that must be there."""

    __slots__ = ("_batch",)

    def __init__(self, batch: NativeBatch) -> None:
        self._batch = batch

    def call(self, operation: Operation[T], arguments: dict[str, Any], /) -> T:
        self._batch.add(operation.name, operation.encode(arguments))
        return None  # type: ignore[return-value]

    def pages(self, operation: Operation[T], arguments: dict[str, Any], /) -> Pages[T, Any]:
        self._batch.add(operation.name, operation.encode(arguments))
        raise TypeError("a list can't be part of a batch")

    def raw(self) -> Caller:
        raise TypeError("an entry of a batch has a verdict and no reply of its own")


def entries(batch: Batch) -> NativeBatch:
    """What a batch holds, for the core."""
    given: Any = batch
    if not isinstance(given, Batch):
        raise InvalidError.of("batch", f"must be a Batch, and is {type(given).__name__}")
    return batch.native


def verdicts(found: list[tuple[bytes | None, OrgconnectError | None]]) -> list[Verdict]:
    """The verdicts that the core has read."""
    return [Verdict(None if reply is None else msgspec.json.decode(reply), error) for reply, error in found]
