from allauth.socialaccount.providers.base import Provider

from .views import OAuth2Adapter

class OAuth2Provider(Provider):
    oauth2_adapter_class: type[OAuth2Adapter]
