import requests
from django.http import HttpRequest

from .models import SocialApp

class DefaultSocialAccountAdapter:
    def get_requests_session(self) -> requests.Session: ...
    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp: ...

def get_adapter(request: HttpRequest | None = None) -> DefaultSocialAccountAdapter: ...
