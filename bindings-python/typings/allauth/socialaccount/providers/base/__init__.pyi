from typing import Any

from allauth.socialaccount.models import SocialLogin
from django.http import HttpRequest

class ProviderAccount: ...

class Provider:
    id: str
    name: str
    account_class: type[ProviderAccount]
    def sociallogin_from_response(self, request: HttpRequest, response: dict[str, Any]) -> SocialLogin: ...
