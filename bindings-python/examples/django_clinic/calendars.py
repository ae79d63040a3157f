"""The client of the project, and the adapter around it. Both are made when they are first needed, in each process."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

import orgconnect
from orgconnect.contrib.django import OrganizationConnect

from .store import DjangoStore


@lru_cache(maxsize=1)
def client() -> orgconnect.Client:
    """The client, with its tokens in the project's database."""
    return orgconnect.Client(
        settings.CRONOFY_CLIENT_ID,
        settings.CRONOFY_CLIENT_SECRET,
        data_center=settings.CRONOFY_DATA_CENTER,
        base_url=settings.CRONOFY_BASE_URL,
        store=DjangoStore(),
    )


@lru_cache(maxsize=1)
def connect() -> OrganizationConnect:
    """The adapter."""
    return OrganizationConnect(client(), settings.REDIRECT_URI, tenant=signed_in_clinic)


def signed_in_clinic(request: HttpRequest) -> str | None:
    """The clinic that whoever makes the request belongs to."""
    clinic: str | None = request.session.get("clinic")
    return clinic
