"""A token store on SQLAlchemy: tokens are in the application's database, beside everything else.

The payload holds secrets: wrap the store in a `SealedStore`, or let the database encrypt what it keeps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone

from sqlalchemy import BigInteger, ColumnElement, Engine, String, Text, and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from orgconnect.stores import ConnectionKey, Lease, ListedRecord, ListQuery, Record, StoredRecord, StoreError


class Base(DeclarativeBase):
    """The tables of the store."""


class TokenRecord(Base):
    """The tokens of a connection."""

    __tablename__ = "orgconnect_tokens"

    namespace: Mapped[str] = mapped_column(String(255), primary_key=True)
    connection: Mapped[str] = mapped_column(String(255), primary_key=True)
    payload: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    # Milliseconds since 1970, so that every database gives back what it was given.
    expires_at: Mapped[int | None] = mapped_column(BigInteger, index=True)


class TokenLease(Base):
    """The right to refresh a connection for a while."""

    __tablename__ = "orgconnect_leases"

    namespace: Mapped[str] = mapped_column(String(255), primary_key=True)
    connection: Mapped[str] = mapped_column(String(255), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    until: Mapped[int] = mapped_column(BigInteger)


class SqlAlchemyStore:
    """Keeps tokens in a database. Each call is a transaction of its own, so a save is durable when it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create_tables(self) -> None:
        """Makes the tables that are missing. Leave this to your migrations if you have some."""
        Base.metadata.create_all(self._engine)

    @property
    def identity(self) -> str:
        return f"sqlalchemy:{self._engine.url.render_as_string(hide_password=True)}"

    def load(self, key: ConnectionKey, /) -> StoredRecord | None:
        with Session(self._engine) as session:
            found = session.get(TokenRecord, key)
            if found is None:
                return None
            return StoredRecord(Record(found.payload, _time(found.expires_at)), found.version)

    def save(self, key: ConnectionKey, record: Record, expected: int, /) -> int:
        values = {"payload": record.payload, "expires_at": _milliseconds(record.expires_at), "version": expected + 1}
        with Session(self._engine) as session:
            if expected == 0:
                session.add(TokenRecord(namespace=key.namespace, connection=key.connection, **values))
                try:
                    session.commit()
                except IntegrityError:
                    raise StoreError.conflict() from None
                return 1
            unchanged = and_(_record(key), TokenRecord.version == expected)
            found = session.execute(update(TokenRecord).where(unchanged).values(values).returning(TokenRecord.version))
            if found.first() is None:
                raise StoreError.conflict()
            session.commit()
        return expected + 1

    def delete(self, key: ConnectionKey, expected: int, /) -> None:
        with Session(self._engine) as session:
            if expected == 0:
                if session.get(TokenRecord, key) is not None:
                    raise StoreError.conflict()
                return
            unchanged = and_(_record(key), TokenRecord.version == expected)
            found = session.execute(delete(TokenRecord).where(unchanged).returning(TokenRecord.version))
            if found.first() is None:
                raise StoreError.conflict()
            session.commit()

    def acquire(self, key: ConnectionKey, lease: Lease, /) -> bool:
        now = time.time_ns() // 1_000_000
        values = {"owner": lease.owner, "until": now + round(lease.ttl * 1000)}
        with Session(self._engine) as session:
            free = and_(_lease(key), or_(TokenLease.owner == lease.owner, TokenLease.until <= now))
            taken = session.execute(update(TokenLease).where(free).values(values).returning(TokenLease.owner))
            if taken.first() is None:
                session.add(TokenLease(namespace=key.namespace, connection=key.connection, **values))
            try:
                session.commit()
            except IntegrityError:
                return False
        return True

    def release(self, key: ConnectionKey, owner: str, /) -> None:
        with Session(self._engine) as session:
            session.execute(delete(TokenLease).where(_lease(key), TokenLease.owner == owner))
            session.commit()

    def list(self, query: ListQuery, /) -> Sequence[ListedRecord]:
        wanted = select(TokenRecord).where(TokenRecord.namespace == query.namespace)
        if query.expires_before is not None:
            wanted = wanted.where(TokenRecord.expires_at < _milliseconds(query.expires_before))
        if query.after is not None:
            wanted = wanted.where(TokenRecord.connection > query.after)
        with Session(self._engine) as session:
            found = session.scalars(wanted.order_by(TokenRecord.connection).limit(query.limit))
            return [ListedRecord(record.connection, record.version, _time(record.expires_at)) for record in found]


def _record(key: ConnectionKey) -> ColumnElement[bool]:
    return and_(TokenRecord.namespace == key.namespace, TokenRecord.connection == key.connection)


def _lease(key: ConnectionKey) -> ColumnElement[bool]:
    return and_(TokenLease.namespace == key.namespace, TokenLease.connection == key.connection)


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _time(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc)
