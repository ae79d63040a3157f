"""Two general OAuth libraries through the whole authorization flow: authorize, exchange, call, refresh, revoke."""

import json

import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from conftest import DOC, OWNER, REDIRECT_URI, parameter
from oauthlib.oauth2 import InvalidGrantError, MismatchingStateError
from requests_oauthlib import OAuth2Session

ORGANIZATION = "organizational_unit_scheduler"


@pytest.mark.parametrize(
    "scope, approver, kind",
    [("read_events create_event", DOC, "account"), (ORGANIZATION, OWNER, "organizational_unit")],
)
class TestAuthlib:
    def session(self, sandbox, **more):
        # The documentation has the credentials in the body, and no other way.
        return AuthlibSession(
            sandbox.client_id,
            sandbox.client_secret,
            redirect_uri=REDIRECT_URI,
            token_endpoint_auth_method="client_secret_post",
            revocation_endpoint_auth_method="client_secret_post",
            **more,
        )

    def test_the_whole_flow(self, sandbox, scope, approver, kind):
        session = self.session(sandbox, scope=scope)
        url, state = session.create_authorization_url(f"{sandbox.url}/oauth/authorize")
        callback = sandbox.approve(url, approver)
        token = session.fetch_token(f"{sandbox.url}/oauth/token", authorization_response=callback, state=state)
        assert token["token_type"] == "bearer" and token["scope"] == scope
        assert session.get(f"{sandbox.url}/v1/userinfo").json()["cronofy.type"] == kind

        refreshed = session.refresh_token(f"{sandbox.url}/oauth/token")
        assert refreshed["refresh_token"] == token["refresh_token"]
        assert session.get(f"{sandbox.url}/v1/userinfo").status_code == 200

        revoked = session.revoke_token(f"{sandbox.url}/oauth/token/revoke", token["refresh_token"])
        assert (revoked.status_code, revoked.content) == (200, b"")
        assert session.get(f"{sandbox.url}/v1/userinfo").status_code == 401

    def test_it_refreshes_by_itself_when_the_token_has_expired(self, sandbox, scope, approver, kind):
        kept = []
        sandbox.control("PATCH", "settings", {"refresh_mode": "strict", "access_token_ttl_ms": 1000})
        session = self.session(
            sandbox,
            scope=scope,
            token_endpoint=f"{sandbox.url}/oauth/token",
            update_token=lambda token, **old: kept.append(token),
        )
        url, state = session.create_authorization_url(f"{sandbox.url}/oauth/authorize")
        session.fetch_token(authorization_response=sandbox.approve(url, approver), state=state)
        assert session.get(f"{sandbox.url}/v1/userinfo").json()["cronofy.type"] == kind
        # It refreshes a minute early, so a second is always over.
        assert len(kept) == 1
        counters = sandbox.control("GET", "counters")
        assert counters["token_requests"] == {"authorization_code": 1, "refresh_token": 1}
        assert counters["unauthorized"] == 0


class TestRequestsOauthlib:
    def test_the_whole_flow(self, sandbox):
        kept = []
        session = OAuth2Session(
            sandbox.client_id,
            redirect_uri=REDIRECT_URI,
            scope=[ORGANIZATION],
            auto_refresh_url=f"{sandbox.url}/oauth/token",
            auto_refresh_kwargs={"client_id": sandbox.client_id, "client_secret": sandbox.client_secret},
            token_updater=kept.append,
        )
        url, state = session.authorization_url(f"{sandbox.url}/oauth/authorize")
        callback = sandbox.approve(url, OWNER)
        assert parameter(callback, "state") == state
        session.fetch_token(
            f"{sandbox.url}/oauth/token",
            authorization_response=callback,
            client_secret=sandbox.client_secret,
            include_client_id=True,
        )
        doc = sandbox.sub(DOC)
        reply = session.get(f"{sandbox.url}/v1/userinfo", headers={"Cronofy-Impersonate": doc})
        assert reply.json()["email"] == DOC

        session.token = {**session.token, "expires_at": 1}
        assert session.get(f"{sandbox.url}/v1/organizational_unit_members").status_code == 200
        assert len(kept) == 1

        # It has no call for revoking; its own form does it.
        fields = {"token": session.token["refresh_token"]}
        credentials = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        reply = session.post(f"{sandbox.url}/oauth/token/revoke", data={**fields, **credentials}, withhold_token=True)
        assert (reply.status_code, reply.content) == (200, b"")
        assert session.get(f"{sandbox.url}/v1/userinfo").status_code == 401

    def test_a_foreign_state_is_refused_before_anything_is_sent(self, sandbox):
        session = OAuth2Session(sandbox.client_id, redirect_uri=REDIRECT_URI, scope=[ORGANIZATION])
        session.authorization_url(f"{sandbox.url}/oauth/authorize")
        foreign = sandbox.approve(sandbox.authorization_url(ORGANIZATION, state="another"), OWNER)
        with pytest.raises(MismatchingStateError):
            session.fetch_token(
                f"{sandbox.url}/oauth/token",
                authorization_response=foreign,
                client_secret=sandbox.client_secret,
                include_client_id=True,
            )
        assert sandbox.control("GET", "counters")["token_requests"] == {}

    def test_a_denied_authorization_and_a_used_code_are_named(self, sandbox):
        url = sandbox.authorization_url(ORGANIZATION, state="s")
        denied = sandbox.control("POST", "authorize", {"url": url})["redirect"]
        assert parameter(denied, "error") == "access_denied" and parameter(denied, "state") == "s"

        session = OAuth2Session(sandbox.client_id, redirect_uri=REDIRECT_URI, scope=[ORGANIZATION])
        exchange = {
            "token_url": f"{sandbox.url}/oauth/token",
            "code": sandbox.code(url, OWNER),
            "client_secret": sandbox.client_secret,
            "include_client_id": True,
        }
        session.fetch_token(**exchange)
        with pytest.raises(InvalidGrantError):
            OAuth2Session(sandbox.client_id, redirect_uri=REDIRECT_URI).fetch_token(**exchange)


def test_both_send_forms_where_we_send_json_and_both_are_documented(sandbox):
    session = AuthlibSession(
        sandbox.client_id,
        sandbox.client_secret,
        redirect_uri=REDIRECT_URI,
        token_endpoint_auth_method="client_secret_post",
    )
    url, _ = session.create_authorization_url(f"{sandbox.url}/oauth/authorize", scope=ORGANIZATION)
    session.fetch_token(f"{sandbox.url}/oauth/token", authorization_response=sandbox.approve(url, OWNER))
    sandbox.ours([], {"account": {"by": DOC, "scope": "read_events"}})
    theirs, ours = [request for request in sandbox.requests() if request["path"] == "/oauth/token"]
    # The documentation recommends JSON and takes either.
    assert dict(theirs["headers"])["content-type"].startswith("application/x-www-form-urlencoded")
    assert dict(ours["headers"])["content-type"].startswith("application/json")
    assert set(json.loads(ours["body"])) == {"client_id", "client_secret", "grant_type", "code", "redirect_uri"}
