"""Cronofy as a provider for Authlib's clients of Flask, Django, Starlette and FastAPI: people sign in with their own
calendar account.

    oauth = OAuth(app)
    oauth.register("cronofy", **cronofy("CLIENT_ID", "CLIENT_SECRET", data_center="uk"))

    @app.get("/sign-in")
    def sign_in():
        return oauth.cronofy.authorize_redirect(url_for("signed_in", _external=True))

    @app.get("/signed-in")
    def signed_in():
        token = oauth.cronofy.authorize_access_token()
        person = oauth.cronofy.userinfo(token=token)  # person["sub"], person["email"]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._options import DataCenter
from .._types import Secret
from ._endpoints import endpoints

__all__ = ["cronofy"]


def cronofy(
    client_id: str,
    client_secret: str | Secret,
    *,
    data_center: DataCenter | str | None = None,
    base_url: str | None = None,
    scopes: Sequence[str] = ("read_account",),
) -> dict[str, Any]:
    """What `OAuth.register` takes: credentials, addresses and scopes. No I/O.

    `data_center`, `base_url`: as for a `Client`.

    `scopes`: what is asked for: `read_account`, `read_events`, … Default: who the person is, and nothing more.

    Authlib keeps the token that it is given and refreshes it by itself; the token store of a `Client` has no part in
    that. It holds a secret in clear text, so don't log it.

    Raises `ConfigError`, naming the setting.
    """
    if isinstance(scopes, str):
        scopes = scopes.split()
    found = endpoints(data_center, base_url)
    return {
        "client_id": client_id,
        "client_secret": client_secret.expose() if isinstance(client_secret, Secret) else client_secret,
        "authorize_url": found.authorize,
        "access_token_url": found.token,
        "refresh_token_url": found.token,
        "revocation_endpoint": found.revoke,
        "userinfo_endpoint": found.userinfo,
        "api_base_url": f"{found.api}/v1/",
        "client_kwargs": {
            "scope": " ".join(scopes),
            # Cronofy takes the credentials in the body, and no other way.
            "token_endpoint_auth_method": "client_secret_post",
            "revocation_endpoint_auth_method": "client_secret_post",
        },
    }
