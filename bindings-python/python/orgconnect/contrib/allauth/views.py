"""The two views: the way to Cronofy and the way back."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.socialaccount import app_settings
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter, OAuth2CallbackView, OAuth2LoginView
from django.http import HttpRequest

from .._endpoints import Endpoints, endpoints

__all__ = ["CronofyAdapter", "oauth2_callback", "oauth2_login"]


class CronofyAdapter(OAuth2Adapter):
    """Speaks to Cronofy for allauth."""

    provider_id = "cronofy"

    @property
    def access_token_url(self) -> str:
        """Where codes are exchanged."""
        return self._endpoints().token

    @property
    def authorize_url(self) -> str:
        """Where people are sent."""
        return self._endpoints().authorize

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **more: Any) -> SocialLogin:
        """Reads who has signed in."""
        with get_adapter().get_requests_session() as session:
            reply = session.get(self._endpoints().userinfo, headers={"Authorization": f"Bearer {token.token}"})
        if reply.status_code != 200:
            raise OAuth2Error(f"Cronofy answered {reply.status_code} when asked who has signed in; sign in again")
        person = reply.json()
        if not person.get("sub"):
            raise OAuth2Error("Cronofy did not say who has signed in; sign in again")
        return self.get_provider().sociallogin_from_response(request, person)

    def _endpoints(self) -> Endpoints:
        project: dict[str, Any] = app_settings.PROVIDERS.get(self.provider_id, {})
        application: dict[str, Any] = get_adapter().get_app(context.request, provider=self.provider_id).settings
        return endpoints(
            application.get("data_center", project.get("DATA_CENTER")),
            application.get("base_url", project.get("BASE_URL")),
        )


oauth2_login = OAuth2LoginView.adapter_view(CronofyAdapter)
oauth2_callback = OAuth2CallbackView.adapter_view(CronofyAdapter)
