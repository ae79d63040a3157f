"""Where a login library finds Cronofy. The SDK itself needs none of this: its core knows."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from .._client import Client
from .._options import DataCenter


class Endpoints(NamedTuple):
    """The addresses of one data center, or of what stands in its place."""

    authorize: str
    token: str
    revoke: str
    userinfo: str
    api: str


def endpoints(data_center: DataCenter | str | None, base_url: str | None) -> Endpoints:
    """The addresses. The core checks the two settings, and says where owners are sent.

    Raises `ConfigError`, naming the setting.
    """
    client = Client("CLIENT_ID", "CLIENT_SECRET", data_center=data_center, base_url=base_url)
    page = urlsplit(client.authorize("http://127.0.0.1/callback").url)
    origin = f"{page.scheme}://{page.netloc}"
    # The API has a host of its own beside that of the pages, but for a sandbox or a gateway.
    api = origin if base_url is not None else origin.replace("://app", "://api", 1)
    return Endpoints(
        f"{origin}{page.path}", f"{api}/oauth/token", f"{api}/oauth/token/revoke", f"{api}/v1/userinfo", api
    )
