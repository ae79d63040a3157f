"""The provider: how allauth reads what Cronofy says of a person."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.base import ProviderAccount
from allauth.socialaccount.providers.oauth2.provider import OAuth2Provider

from .views import CronofyAdapter

__all__ = ["CronofyAccount", "CronofyProvider", "provider_classes"]


class CronofyAccount(ProviderAccount):
    """An account that a person has signed in with."""


class CronofyProvider(OAuth2Provider):
    """Cronofy, for Individual Connect."""

    id = "cronofy"
    name = "Cronofy"
    account_class = CronofyAccount
    oauth2_adapter_class = CronofyAdapter

    def get_default_scope(self) -> list[str]:
        """Who the person is, and nothing more."""
        return ["read_account"]

    def extract_uid(self, data: dict[str, Any]) -> str:
        """The `sub` names a person."""
        return str(data["sub"])

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        """What a new user begins with."""
        return {"email": data.get("email"), "name": data.get("name")}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        """The address, as one that nobody has verified: it is that of a calendar account, which its owner names."""
        email = data.get("email")
        return [EmailAddress(email=email, verified=False, primary=True)] if email else []


provider_classes = [CronofyProvider]
