"""The tables of the token store, and the channels in which something has changed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class TokenRecord(models.Model):
    """The tokens of a connection. `payload` holds secrets, unless the store is wrapped in a SealedStore."""

    namespace: models.CharField[str, str] = models.CharField(max_length=255)
    connection: models.CharField[str, str] = models.CharField(max_length=255)
    payload: models.TextField[str, str] = models.TextField()
    version: models.PositiveIntegerField[int, int] = models.PositiveIntegerField()
    # Milliseconds since 1970, so that every database gives back what it was given.
    expires_at: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(null=True, db_index=True)

    class Meta:
        ordering: ClassVar = ["connection"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["namespace", "connection"], name="one_record_each"),
        ]


class TokenLease(models.Model):
    """The right to refresh a connection for a while."""

    namespace: models.CharField[str, str] = models.CharField(max_length=255)
    connection: models.CharField[str, str] = models.CharField(max_length=255)
    owner: models.CharField[str, str] = models.CharField(max_length=255)
    until: models.BigIntegerField[int, int] = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["namespace", "connection"], name="one_lease_each")]


class ChangedChannel(models.Model):
    """A channel that Cronofy has notified of a change."""

    channel_id: models.CharField[str, str] = models.CharField(max_length=255)
