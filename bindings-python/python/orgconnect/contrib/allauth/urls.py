"""The addresses of the two views, which allauth finds by itself."""

from __future__ import annotations

from allauth.socialaccount.providers.oauth2.urls import default_urlpatterns

from .provider import CronofyProvider

urlpatterns = default_urlpatterns(CronofyProvider)
