from django.urls import URLResolver

from .provider import OAuth2Provider

def default_urlpatterns(provider: type[OAuth2Provider]) -> list[URLResolver]: ...
