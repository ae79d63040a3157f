"""What Cronofy posts: signatures, notifications, and the replay guard; and embed tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
from datetime import timedelta
from typing import Any

import pytest

import orgconnect
from orgconnect import EmbedTokens, ReplayGuard, Secret, Verifier
from orgconnect import webhooks as posted

BODY = b'{"notification":{"type":"change","changes_since":"2026-12-07T09:00:00Z"},"channel":{"channel_id":"chn_1"}}'


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_a_signature_of_any_active_secret_is_accepted_and_no_other() -> None:
    verifier = Verifier("new").or_secret(Secret("old"))
    for secret in ("new", "old"):
        assert verifier.verify(f"AAAA, {sign(secret, BODY)}", BODY)
    assert not verifier.verify(sign("other", BODY), BODY)
    assert not verifier.verify(sign("new", BODY), BODY + b" ")
    assert not verifier.verify("", BODY)
    assert "new" not in repr(verifier)


@pytest.mark.parametrize("capacity", [-1, 2**70, 1.5, "many"])
def test_a_guard_of_an_impossible_capacity_is_refused(capacity: Any) -> None:
    with pytest.raises(orgconnect.ConfigError, match=r"^capacity: "):
        ReplayGuard(60, capacity)


def test_a_body_that_was_parsed_is_refused_with_the_mend() -> None:
    with pytest.raises(TypeError, match="raw bytes"):
        Verifier("s").verify(sign("s", BODY), json.loads(BODY))
    with pytest.raises(TypeError, match="raw bytes"):
        Verifier("s").receive(sign("s", BODY), BODY.decode())  # type: ignore[arg-type]
    again = json.dumps(json.loads(BODY)).encode()
    assert not Verifier("s").verify(sign("s", BODY), again)


def test_mutations_are_refused() -> None:
    verifier, signature = Verifier("s"), sign("s", BODY)
    assert verifier.verify(signature, BODY)
    accepted = 0
    for position in range(len(BODY)):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128):
            body = bytearray(BODY)
            body[position] ^= flip
            accepted += verifier.verify(signature, bytes(body))
    raw = base64.b64decode(signature)
    for position in range(len(raw)):
        for flip in range(1, 256):
            forged = bytearray(raw)
            forged[position] ^= flip
            accepted += verifier.verify(base64.b64encode(bytes(forged)).decode(), BODY)
    # Several spots at once, and lists of candidates.
    chance = random.Random(7)
    for _ in range(1_000_000 if os.environ.get("ORGCONNECT_FAULTS") == "full" else 20_000):
        forged = bytearray(raw)
        for _ in range(chance.randint(1, 4)):
            forged[chance.randrange(len(raw))] ^= chance.randrange(1, 256)
        if bytes(forged) == raw:
            continue
        candidates = [base64.b64encode(bytes(forged)).decode(), signature[: chance.randrange(len(signature))]]
        accepted += verifier.verify(", ".join(candidates), BODY)
    assert accepted == 0


def test_notifications_are_read_into_types() -> None:
    verifier = Verifier("s")

    def receive(body: object) -> posted.Notification:
        text = json.dumps(body).encode()
        return verifier.receive(sign("s", text), text)

    change = verifier.receive(sign("s", BODY), BODY)
    match change:
        case posted.ChannelNotification(kind="change", channel_id=channel, changes_since=since):
            assert (channel, since) == ("chn_1", "2026-12-07T09:00:00Z")
        case _:
            pytest.fail(f"{change!r}")
    granted = receive({"authorization": {"code": "code-canary", "state": "state-canary"}})
    assert isinstance(granted, posted.DelegatedAuthorization)
    assert granted.code == Secret("code-canary")
    assert "canary" not in repr(granted)
    assert isinstance(receive({"anything": "else"}), posted.UnknownNotification)
    assert isinstance(receive([1]), posted.UnknownNotification)


def test_an_unsigned_notification_is_an_authorization_error() -> None:
    with pytest.raises(orgconnect.AuthorizationError) as raised:
        Verifier("s").receive("AAAA", BODY)
    assert raised.value.code == "signature_mismatch"
    with pytest.raises(orgconnect.DecodeError):
        Verifier("s").receive(sign("s", b"no JSON"), b"no JSON")


def test_a_replay_is_noticed_until_it_is_forgotten() -> None:
    guard = ReplayGuard(timedelta(minutes=5), 2)
    assert [guard.first_time(body) for body in (b"a", b"a", b"b")] == [True, False, True]
    guard.forget(b"a")
    assert guard.first_time(b"a")


def test_an_embed_token_carries_the_claims_and_is_signed() -> None:
    tokens = EmbedTokens("EMB_public", Secret("ESK_canary"), lifetime=timedelta(hours=1))
    assert "canary" not in repr(tokens)
    head, payload, signature = tokens.sign({"sub": "user-7"}).expose().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert (claims["sub"], claims["iss"], claims["exp"] - claims["iat"]) == ("user-7", "EMB_public", 3600)
    expected = hmac.new(b"ESK_canary", f"{head}.{payload}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "==") == expected
    with pytest.raises(orgconnect.InvalidError) as raised:
        tokens.sign({"iss": "x"})
    assert "iss" in raised.value.fields
    with pytest.raises(orgconnect.ConfigError):
        EmbedTokens("ESK_canary", "EMB_public")
