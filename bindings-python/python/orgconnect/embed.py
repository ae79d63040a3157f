"""Embed tokens: the short-lived JSON Web Tokens with which a page of yours loads Cronofy's embedded scheduler for one
of your users. Signed here; nothing is sent.
"""

from __future__ import annotations

from typing import Any

from ._calls import encode, mapping
from ._native import EmbedTokens as NativeEmbedTokens
from ._options import Seconds
from ._types import Secret

__all__ = ["EmbedTokens"]


class EmbedTokens:
    """Signs embed tokens with the key pair of an embed.

    ```python
    tokens = EmbedTokens("EMB_public", "ESK_secret")
    token = tokens.sign({"sub": "user-7"}).expose()
    ```
    """

    __slots__ = ("_native", "_public_key")

    def __init__(self, public_key: str, secret: str | Secret, *, lifetime: Seconds | None = None) -> None:
        """Takes the embed's public key (`EMB_…`) and its secret (`ESK_…`). Tokens live for `lifetime`, at most 24
        hours; default 4 hours.

        Raises `ConfigError` if one is not what it should be; swapping them is noticed.
        """
        text = secret.expose() if isinstance(secret, Secret) else secret
        self._native = NativeEmbedTokens(public_key, text, lifetime)
        self._public_key = public_key

    def sign(self, claims: dict[str, Any]) -> Secret:
        """Signs a token that carries these claims about the user, beside `iss`, `iat`, `exp`, `aud` and `jti`.

        Raises `InvalidError`, naming the claim, if it is one of those.
        """
        return Secret(self._native.sign(encode(mapping("claims", claims))))

    def __repr__(self) -> str:
        return f"<EmbedTokens {self._public_key}>"
