"""pycronofy through the whole life of an authorization, unchanged but for the addresses in its settings."""

import pycronofy
import pytest
from conftest import DOC, OWNER, REDIRECT_URI, parameter


@pytest.fixture
def client(sandbox, monkeypatch):
    monkeypatch.setattr(pycronofy.settings, "API_BASE_URL", sandbox.url)
    monkeypatch.setattr(pycronofy.settings, "APP_BASE_URL", sandbox.url)
    return pycronofy.Client(client_id=sandbox.client_id, client_secret=sandbox.client_secret)


def test_an_account_is_authorized_refreshed_and_revoked(sandbox, client):
    # An empty `provider_name` and Python's `False` in the address are its way.
    url = client.user_auth_link(REDIRECT_URI, state="a-state-of-its-own")
    assert "provider_name=&avoid_linking=False" in url
    callback = sandbox.approve(url, DOC)
    assert parameter(callback, "state") == "a-state-of-its-own"
    tokens = client.get_authorization_from_code(parameter(callback, "code"))
    assert set(tokens) == {"access_token", "refresh_token", "token_expiration"}
    assert not client.is_authorization_expired()
    assert client.userinfo()["email"] == DOC

    sandbox.control("POST", "connections/expire", {})
    with pytest.raises(pycronofy.exceptions.PyCronofyRequestError) as refused:
        client.account()
    assert refused.value.response.status_code == 401
    client.refresh_authorization()
    assert client.account()["email"] == DOC

    access_token = client.auth.access_token
    client.revoke_authorization()
    assert client.auth.access_token is None
    revoked = pycronofy.Client(access_token=access_token)
    with pytest.raises(pycronofy.exceptions.PyCronofyRequestError) as refused:
        revoked.account()
    assert refused.value.response.status_code == 401


def test_a_rotated_refresh_token_is_kept(sandbox, client):
    sandbox.control("PATCH", "settings", {"refresh_mode": "strict"})
    code = sandbox.code(client.user_auth_link(REDIRECT_URI))
    first = client.get_authorization_from_code(code)["refresh_token"]
    second = client.refresh_authorization()["refresh_token"]
    assert first != second
    client.refresh_authorization()
    assert client.account()["email"] == DOC


def test_an_organization_is_authorized_with_its_scope(sandbox, client):
    url = client.user_auth_link(REDIRECT_URI, scope="organizational_unit_scheduler")
    client.get_authorization_from_code(sandbox.code(url, OWNER))
    # It has no call for members, and its own request says that the token is an organization's.
    assert client.userinfo()["cronofy.type"] == "organizational_unit"


def test_a_code_is_refused_the_second_time(sandbox, client):
    code = sandbox.code(client.user_auth_link(REDIRECT_URI))
    client.get_authorization_from_code(code)
    with pytest.raises(pycronofy.exceptions.PyCronofyRequestError) as refused:
        client.get_authorization_from_code(code)
    assert refused.value.response.status_code == 400
    assert refused.value.response.json() == {"error": "invalid_grant"}


def test_token_requests_differ_from_ours_in_a_header_that_is_ignored(sandbox, client):
    client.get_authorization_from_code(sandbox.code(client.user_auth_link(REDIRECT_URI)))
    sandbox.ours([], {"account": {"by": DOC, "scope": "read_events"}})
    theirs, ours = [request for request in sandbox.requests() if request["path"] == "/oauth/token"]
    # It sends "Bearer None" where there is no token yet; by the documentation the token endpoint takes the credentials
    # in the body and no header.
    assert "authorization" in dict(theirs["headers"])
    assert "authorization" not in dict(ours["headers"])


def test_notifications_are_verified_with_the_published_vectors(sandbox):
    client = pycronofy.Client(client_secret="pDY0Oi7TJSP2hfNmZNkm5")
    signatures = "PNNVJ9J2e8N174koxcKDzktZ9Qkt8YUzP+V+l5lG8F4=,6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="
    assert client.hmac_valid(signatures, '{"example":"well-known"}')
    assert not client.hmac_valid(signatures, '{"example":"forged"}')
