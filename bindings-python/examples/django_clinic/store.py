"""A token store on Django's ORM: tokens are in the project's database, beside everything else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from functools import wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db import IntegrityError, close_old_connections, transaction
from django.db.models import Q

from orgconnect.stores import ConnectionKey, Lease, ListedRecord, ListQuery, Record, StoredRecord, StoreError

from .models import TokenLease, TokenRecord

F = TypeVar("F", bound=Callable[..., Any])


def on_this_thread(method: F) -> F:
    """Gives up database connections that are too old, as Django does around each request: the store is called on
    threads of the SDK. Those have connections of their own, so a save is durable whatever transaction a view is in.
    """

    @wraps(method)
    def called(*arguments: Any) -> Any:
        close_old_connections()
        try:
            return method(*arguments)
        finally:
            close_old_connections()

    return called  # type: ignore[return-value]


class DjangoStore:
    """Keeps tokens in the default database. Ids differ by case: with MySQL, give the columns a binary collation."""

    @property
    def identity(self) -> str:
        database = settings.DATABASES["default"]
        return f"django:{database['ENGINE']}:{database.get('HOST', '')}:{database['NAME']}"

    @on_this_thread
    def load(self, key: ConnectionKey, /) -> StoredRecord | None:
        found = TokenRecord.objects.filter(_of(key)).first()
        if found is None:
            return None
        return StoredRecord(Record(found.payload, _time(found.expires_at)), found.version)

    @on_this_thread
    def save(self, key: ConnectionKey, record: Record, expected: int, /) -> int:
        values = {"payload": record.payload, "expires_at": _milliseconds(record.expires_at), "version": expected + 1}
        if expected > 0:
            if TokenRecord.objects.filter(_of(key), version=expected).update(**values) == 0:
                raise StoreError.conflict()
            return expected + 1
        try:
            with transaction.atomic():
                TokenRecord.objects.create(namespace=key.namespace, connection=key.connection, **values)
        except IntegrityError:
            raise StoreError.conflict() from None
        return 1

    @on_this_thread
    def delete(self, key: ConnectionKey, expected: int, /) -> None:
        if expected > 0:
            if TokenRecord.objects.filter(_of(key), version=expected).delete()[0] == 0:
                raise StoreError.conflict()
        elif TokenRecord.objects.filter(_of(key)).exists():
            raise StoreError.conflict()

    @on_this_thread
    def acquire(self, key: ConnectionKey, lease: Lease, /) -> bool:
        now = time.time_ns() // 1_000_000
        values: dict[str, Any] = {"owner": lease.owner, "until": now + round(lease.ttl * 1000)}
        free = Q(owner=lease.owner) | Q(until__lte=now)
        if TokenLease.objects.filter(_of(key) & free).update(**values):
            return True
        try:
            with transaction.atomic():
                TokenLease.objects.create(namespace=key.namespace, connection=key.connection, **values)
        except IntegrityError:
            return False
        return True

    @on_this_thread
    def release(self, key: ConnectionKey, owner: str, /) -> None:
        TokenLease.objects.filter(_of(key), owner=owner).delete()

    @on_this_thread
    def list(self, query: ListQuery, /) -> Sequence[ListedRecord]:
        wanted = Q(namespace=query.namespace)
        if query.expires_before is not None:
            wanted &= Q(expires_at__lt=_milliseconds(query.expires_before))
        if query.after is not None:
            wanted &= Q(connection__gt=query.after)
        # In the order of their ids, as the model says.
        found = cast("Iterable[TokenRecord]", TokenRecord.objects.filter(wanted)[: query.limit])
        return [ListedRecord(record.connection, record.version, _time(record.expires_at)) for record in found]


def _of(key: ConnectionKey) -> Q:
    return Q(namespace=key.namespace, connection=key.connection)


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _time(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc)
