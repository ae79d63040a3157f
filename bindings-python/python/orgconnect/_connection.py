"""Connections: authorizations that were granted, with their tokens in the store under an id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from ._handles import Account, AsyncAccount, AsyncOrganization, AsyncServiceAccount, Organization, ServiceAccount
from ._loops import outcome
from ._native import Connection as NativeConnection
from ._types import Secret


class ConnectionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a connection. Holds no secret."""

    id: str
    """Its name in the store."""
    kind: str
    """What it is for: `organization`, `account` or `service_account`."""
    state: str
    """Whether it can be used: `active`, `dead`, `revoking` or `revoked`; `unreadable` if its record can't be read."""
    since: datetime | None
    """Since when it can't be used."""
    interrupted: bool
    """Whether a refresh had been interrupted before Cronofy said that the grant is gone."""
    reason: str | None
    """Why the record can't be read, and what to do."""
    sub: str | None
    """The `sub` of whoever granted it."""
    scope: str | None
    """The scope that was granted, separated by blanks."""
    issued_at: datetime
    """When the access token was issued. The beginning of 1970 if the record can't be read."""
    expires_at: datetime
    """When the access token ends. It is refreshed before. The beginning of 1970 if the record can't be read."""
    version: int
    """How often the record has been written."""
    extra: dict[str, Any]
    """What else came with the grant, by wire names: `account_id`, `linking_profile`, …"""


def summary_of(parts: dict[str, Any]) -> ConnectionSummary:
    """The summary that the core has made."""
    return ConnectionSummary(**{**parts, "extra": msgspec.json.decode(parts["extra"])})


class _Connection:
    __slots__ = ("_native",)

    def __init__(self, native: NativeConnection) -> None:
        self._native = native

    @property
    def id(self) -> str:
        """Its name in the store: what to keep, to use the connection another day."""
        return self._native.id

    @property
    def payload(self) -> str | None:
        """The payload that the authorization carried, if this connection was just completed."""
        return self._native.payload

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


class Connection(_Connection):
    """A connection by its id."""

    __slots__ = ()

    @property
    def organization(self) -> Organization:
        """The organization, for a connection of Organization Connect."""
        return Organization(self._native.organization())

    @property
    def account(self) -> Account:
        """The account, for a connection of Individual Connect or a delegated authorization."""
        return Account(self._native.account())

    @property
    def service_account(self) -> ServiceAccount:
        """The service account, for a connection of Enterprise Connect."""
        return ServiceAccount(self._native.service_account())

    def summary(self) -> ConnectionSummary:
        """Reads what the store knows of it. No request is made."""
        return summary_of(self._native.summary().wait())

    def access_token(self) -> Secret:
        """Hands out an access token that is good now, refreshing if need be. Writes the token store when it refreshes.

        For what this SDK doesn't do itself; every use is a place to look at in a review.
        """
        return Secret(self._native.access_token().wait())

    def refresh(self) -> ConnectionSummary:
        """Refreshes the access token now, whatever its expiry says. Writes the token store.

        There is no need to call this: tokens are refreshed by themselves.
        """
        return summary_of(self._native.refresh().wait())

    def revoke(self) -> None:
        """Revokes the grant at Cronofy and erases its tokens. Writes the token store.

        In this process the connection can't be used from the moment on that this is called, and a refresh that is
        under way does not bring it back; other processes find out when Cronofy refuses their token, or at their next
        refresh. If Cronofy can't be reached the error is transient, the tokens are kept for the next try, and the
        connection stays out of use. A connection that is revoked already stays so.
        """
        self._native.revoke().wait()


class AsyncConnection(_Connection):
    """A connection by its id, of an `AsyncClient`."""

    __slots__ = ()

    @property
    def organization(self) -> AsyncOrganization:
        """The organization, for a connection of Organization Connect."""
        return AsyncOrganization(self._native.organization())

    @property
    def account(self) -> AsyncAccount:
        """The account, for a connection of Individual Connect or a delegated authorization."""
        return AsyncAccount(self._native.account())

    @property
    def service_account(self) -> AsyncServiceAccount:
        """The service account, for a connection of Enterprise Connect."""
        return AsyncServiceAccount(self._native.service_account())

    async def summary(self) -> ConnectionSummary:
        """Reads what the store knows of it. No request is made."""
        return summary_of(await outcome(self._native.summary()))

    async def access_token(self) -> Secret:
        """Hands out an access token that is good now, refreshing if need be. Writes the token store when it refreshes.

        For what this SDK doesn't do itself; every use is a place to look at in a review.
        """
        return Secret(await outcome(self._native.access_token()))

    async def refresh(self) -> ConnectionSummary:
        """Refreshes the access token now, whatever its expiry says. Writes the token store.

        There is no need to call this: tokens are refreshed by themselves.
        """
        return summary_of(await outcome(self._native.refresh()))

    async def revoke(self) -> None:
        """Revokes the grant at Cronofy and erases its tokens. Writes the token store.

        In this process the connection can't be used from the moment on that this is called, and a refresh that is
        under way does not bring it back; other processes find out when Cronofy refuses their token, or at their next
        refresh. If Cronofy can't be reached the error is transient, the tokens are kept for the next try, and the
        connection stays out of use. A connection that is revoked already stays so.
        """
        await outcome(self._native.revoke())
