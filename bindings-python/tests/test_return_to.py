"""No place to go back to leads off the site, however it is spelled."""

from __future__ import annotations

import json
import subprocess
from urllib.parse import quote

import pytest

import orgconnect
from orgconnect.contrib._return_to import ReturnTo
from orgconnect.testing import Sandbox
from sites import SITES, Site

EVIL = "evil.example"
PAYLOADS = [
    f"//{EVIL}", f"///{EVIL}", f"////{EVIL}", f"/\\{EVIL}", f"\\/{EVIL}", f"\\\\{EVIL}", f"/\\/{EVIL}", f"/\\\\{EVIL}",
    f"https://{EVIL}", f"http://{EVIL}", f"HTTPS://{EVIL}", f"https:{EVIL}", f"https:/{EVIL}", f"https:\\\\{EVIL}",
    f"http:///{EVIL}", f"https:///{EVIL}", f"ftp://{EVIL}", f"javascript:location='//{EVIL}'", "javascript:alert(1)",
    f"data:text/html,<script>location='//{EVIL}'</script>", f"vbscript:{EVIL}", f"//{EVIL}/..", f"/.//{EVIL}",
    f"/..//{EVIL}", f"/a/..//{EVIL}", f"/%2e//{EVIL}", f"/%2E%2e//{EVIL}", f"/%252e//{EVIL}", f"/%2f{EVIL}",
    f"/%2F{EVIL}", f"/%2f%2f{EVIL}", f"%2f%2f{EVIL}", f"/%252f{EVIL}", f"/%25252f{EVIL}", f"/%5c{EVIL}",
    f"/%5C%5c{EVIL}", f"/%255c{EVIL}", f"/\t/{EVIL}", f"/\n/{EVIL}", f"/\r/{EVIL}", f"\t//{EVIL}", f" //{EVIL}",
    f"//{EVIL} ", f"/%09/{EVIL}", f"/%0a/{EVIL}", f"/%0d%0aLocation:%20//{EVIL}", f"/a\r\nLocation: //{EVIL}",
    f"/\x00/{EVIL}", f"/%00/{EVIL}", f"\x0b//{EVIL}", f"@{EVIL}", f"user@{EVIL}", f"http://localhost@{EVIL}",
    f"http://localhost:80@{EVIL}", f"https://app.example@{EVIL}", f"https://app.example:443@{EVIL}/",
    f"https://app.example.{EVIL}", f"https://app.example%2f@{EVIL}", f"https://app.example\\@{EVIL}",
    f"https://app.example#@{EVIL}\\", f"https://app.example?@{EVIL}\\", f"//app.example@{EVIL}",
    f"https://app.example%00.{EVIL}", f"https://{EVIL}#https://app.example", f"https://{EVIL}?https://app.example/",
    f"https://app.example,{EVIL}", f"https://app.example;@{EVIL}", f"/／{EVIL}", f"／／{EVIL}", f"/\u2028/{EVIL}",
    f"//{EVIL}%2fapp.example", f"//[::1]@{EVIL}", f"https://app.example:8443.{EVIL}", f".{EVIL}", EVIL, "",
]  # fmt: skip

# What looks alike and stays here: these are gone back to.
HARMLESS = [
    "/", "/settings", "/settings?tab=calendars#top", "/@team", "/a@b", "/mail/a@b.example", "/search?q=%2F%2Fevil.example",
    "/search?next=https://evil.example", "/%C3%BC", "/a%20b", "/?a=//b", "/settings/;v=1", "/~user/!$&'()*+,=:",
    "https://app.example", "https://app.example/", "https://app.example/a?b=c", "https://APP.example/a",
]  # fmt: skip

ORIGINS = ["https://app.example"]


def lands_on(locations: list[str]) -> list[str]:
    """The hosts on which a browser lands that is sent to these places from this site, by the WHATWG's URL parser."""
    script = (
        "const places = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "const host = (place) => { try { return new URL(place, 'http://localhost/connect/callback').host }"
        " catch { return 'nowhere' } };"
        "console.log(JSON.stringify(places.map(host)))"
    )
    run = subprocess.run(
        ["node", "-e", script], input=json.dumps(locations), text=True, capture_output=True, check=True
    )
    hosts: list[str] = json.loads(run.stdout)
    return hosts


def test_there_are_enough_payloads_and_each_leads_away_or_nowhere_useful() -> None:
    assert len(set(PAYLOADS)) >= 60
    hosts = lands_on(PAYLOADS)
    assert sum(EVIL in host for host in hosts) >= 25


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_place_elsewhere_is_refused(payload: str) -> None:
    with pytest.raises(orgconnect.InvalidError) as raised:
        ReturnTo(ORIGINS).check(payload)
    assert "return_to" in raised.value.fields


def test_a_place_here_or_on_an_allowed_origin_is_kept() -> None:
    places = ReturnTo(ORIGINS)
    assert [places.check(place) for place in HARMLESS] == HARMLESS
    assert set(lands_on(HARMLESS)) == {"localhost", "app.example"}
    with pytest.raises(orgconnect.InvalidError):
        ReturnTo().check("https://app.example/")
    with pytest.raises(orgconnect.InvalidError):
        places.check("/" + "x" * 512)


@pytest.mark.parametrize(
    "origins",
    ["https://app.example", ["app.example"], ["https://app.example/path"], ["ftp://a"], ["https://a@b"], ["https://"]],
)
def test_only_origins_are_allowed(origins: list[str]) -> None:
    with pytest.raises(orgconnect.ConfigError) as raised:
        ReturnTo(origins)
    assert "return_to_origins" in raised.value.fields


@pytest.mark.parametrize("name", sorted(SITES))
def test_no_payload_takes_a_browser_off_the_site(name: str) -> None:
    """Through the whole flow where a payload gets that far: the place is judged by where a browser would land."""
    with Sandbox() as sandbox:
        site = SITES[name](sandbox)
        site.sign_in("north")
        ended = [end_of(site, payload) for payload in [*PAYLOADS, *HARMLESS]]
        site.stop()
    here = [place for place in ended if place is not None]
    assert len(here) >= 12
    assert set(lands_on(here)) == {"localhost"}


def end_of(site: Site, payload: str) -> str | None:
    """Where the browser is sent in the end, or None if the request was refused at once."""
    away = site.get(f"/connect?return_to={quote(payload, safe='')}")
    if away.status == 400:
        assert "location" not in away.headers
        assert "return_to" in away.text
        return None
    back = site.get(site.callback(away))
    assert back.status == 302
    return back.location
