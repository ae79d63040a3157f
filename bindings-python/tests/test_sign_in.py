"""Signing in with a calendar account, through Authlib and through django-allauth."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

import orgconnect
from orgconnect.contrib._endpoints import endpoints
from orgconnect.contrib.authlib import cronofy
from orgconnect.testing import Sandbox
from sites import DjangoSite


@pytest.mark.parametrize("data_center", ["us", "de", "uk", "au", "ca", "sg"])
def test_the_addresses_are_those_of_the_data_center(data_center: str) -> None:
    suffix = "" if data_center == "us" else f"-{data_center}"
    assert endpoints(data_center, None) == (
        f"https://app{suffix}.cronofy.com/oauth/authorize",
        f"https://api{suffix}.cronofy.com/oauth/token",
        f"https://api{suffix}.cronofy.com/oauth/token/revoke",
        f"https://api{suffix}.cronofy.com/v1/userinfo",
        f"https://api{suffix}.cronofy.com",
    )


@pytest.mark.parametrize("setting", [{"data_center": "mars"}, {"base_url": "http://cronofy.example"}])
def test_a_wrong_address_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(orgconnect.ConfigError) as raised:
        cronofy("id", "secret-canary", **setting)
    assert set(raised.value.fields) == set(setting)
    assert "secret-canary" not in repr(raised.value)


def test_a_person_signs_in_through_authlib(orgconnect_sandbox: Sandbox) -> None:
    from authlib_login import create_app

    application = orgconnect_sandbox.application
    settings = cronofy(*application, base_url=orgconnect_sandbox.url, scopes=["read_account", "read_events"])
    browser = create_app(settings, "session-secret").test_client()
    away = browser.get("/sign-in", base_url="http://127.0.0.1:9")
    callback = orgconnect_sandbox.approve(away.location, by="doc@example.com")
    assert parse_qs(urlsplit(away.location).query)["scope"] == ["read_account read_events"]
    assert browser.get(callback).status_code == 302
    person = browser.get("/me", base_url="http://127.0.0.1:9").get_json()
    assert person["email"] == "doc@example.com"
    assert person["sub"].startswith("acc_")
    bodies = [request["body"] for request in orgconnect_sandbox.requests() if request["path"] == "/oauth/token"]
    assert len(bodies) == 1


def test_authlib_refuses_a_callback_of_another_browser(orgconnect_sandbox: Sandbox) -> None:
    from authlib.integrations.base_client.errors import MismatchingStateError

    from authlib_login import create_app

    app = create_app(cronofy(*orgconnect_sandbox.application, base_url=orgconnect_sandbox.url), "session-secret")
    app.testing = True
    away = app.test_client().get("/sign-in", base_url="http://127.0.0.1:9")
    callback = orgconnect_sandbox.approve(away.location, by="doc@example.com")
    with pytest.raises(MismatchingStateError):
        app.test_client().get(callback)


@pytest.fixture
def site() -> Iterator[DjangoSite]:
    with Sandbox() as sandbox:
        site = DjangoSite(sandbox)
        yield site
        site.stop()


def sign_in(site: DjangoSite, by: str | None) -> tuple[int, str]:
    """Signs in through allauth; returns what is answered in the end."""
    away = site.ask("POST", "/accounts/cronofy/login/")
    assert away.status == 302
    assert away.location.startswith(f"{site.sandbox.url}/oauth/authorize?")
    assert parse_qs(urlsplit(away.location).query)["scope"] == ["read_account"]
    callback = urlsplit(site.sandbox.approve(away.location, by=by))
    assert callback.path == "/accounts/cronofy/login/callback/"
    back = site.get(f"{callback.path}?{callback.query}")
    return back.status, back.headers.get("location", back.text)


def test_a_person_signs_in_through_allauth(site: DjangoSite) -> None:
    status, place = sign_in(site, "doc@example.com")
    assert (status, place) == (302, "/accounts/profile/")
    assert site.get("/me").json() == {"email": "doc@example.com"}
    from allauth.socialaccount.models import SocialAccount

    (account,) = SocialAccount.objects.all()
    assert account.provider == "cronofy"
    assert account.uid.startswith("acc_")


def test_an_account_is_recognized_when_it_comes_again_and_another_is_another_user(site: DjangoSite) -> None:
    from allauth.socialaccount.models import SocialAccount

    for who in ("doc@example.com", "nurse@example.com", "doc@example.com"):
        site.forget()
        assert sign_in(site, who)[0] == 302
        assert site.get("/me").json() == {"email": who}
    assert SocialAccount.objects.count() == 2


def test_the_address_of_a_calendar_account_does_not_prove_who_someone_is(site: DjangoSite) -> None:
    """A user who has registered with the address otherwise is not signed in by it."""
    from django.contrib.auth.models import User

    User.objects.create_user("registered", "doc@example.com", "password")
    status, place = sign_in(site, "doc@example.com")
    assert (status, place) == (302, "/accounts/3rdparty/signup/")
    assert site.get("/me").json() == {"email": ""}


def test_a_denial_and_a_failure_sign_nobody_in(site: DjangoSite) -> None:
    assert sign_in(site, None) == (302, "/accounts/3rdparty/login/cancelled/")
    site.sandbox.fault(path="/v1/userinfo", status=503)
    status, text = sign_in(site, "doc@example.com")
    assert status == 401
    assert "Third-Party Login Failure" in text
    assert site.get("/me").json() == {"email": ""}
