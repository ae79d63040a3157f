from collections.abc import Callable

from allauth.socialaccount.providers.base import Provider
from django.http import HttpRequest, HttpResponse

class OAuth2Adapter:
    provider_id: str
    request: HttpRequest
    @property
    def access_token_url(self) -> str: ...
    @property
    def authorize_url(self) -> str: ...
    def get_provider(self) -> Provider: ...

class OAuth2View:
    @classmethod
    def adapter_view(cls, adapter: type[OAuth2Adapter]) -> Callable[..., HttpResponse]: ...

class OAuth2LoginView(OAuth2View): ...
class OAuth2CallbackView(OAuth2View): ...
