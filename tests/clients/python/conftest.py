"""A sandbox of its own for each test, started from the binary, and short ways to use its control API."""

import json
import os
import pathlib
import subprocess
import urllib.parse
import urllib.request

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
REDIRECT_URI = "http://127.0.0.1:9/callback"
DOC = "doc@example.com"
OWNER = "owner@example.com"

# What hypothesis keeps belongs with the other caches, and not beside the tests.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(REPOSITORY / ".cache/hypothesis"))

# requests-oauthlib and Authlib refuse plain http unless they are told that it is meant.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


def binary(name):
    """A program of the workspace, built beforehand with `cargo build -p orgconnect-sandbox -p orgconnect-tests --bins`."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target / "debug" / name


class Sandbox:
    """A running sandbox with its first application."""

    def __init__(self, *arguments):
        command = [binary("orgconnect-sandbox"), "--port", "0", "--seed", "7", "--json", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        about = json.loads(self.process.stdout.readline())
        self.url = about["url"]
        self.client_id = about["client_id"]
        self.client_secret = about["client_secret"]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def control(self, method, path, body=None):
        """A call of the control API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/sandbox/" + path, data=data, method=method)
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def approve(self, url, approver):
        """Where the browser goes after this person has approved."""
        return self.control("POST", "authorize", {"url": url, "approver": approver})["redirect"]

    def code(self, url, approver=DOC):
        return parameter(self.approve(url, approver), "code")

    def authorization_url(self, scope, path="oauth/authorize", **more):
        fields = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": scope,
            **more,
        }
        return f"{self.url}/{path}?{urllib.parse.urlencode(fields)}"

    def sub(self, email):
        """The `sub` of a member of the first organization."""
        organization = self.control("GET", "organizations")["organizations"][0]["organization_id"]
        members = self.control("GET", f"organizations/{organization}/members")["members"]
        return next(member["sub"] for member in members if member["email"] == email)

    def requests(self):
        """The requests under `/v1/`, and those to the token endpoints."""
        return self.control("GET", "requests")["requests"]

    def forget(self):
        self.control("DELETE", "requests")

    def ours(self, calls, connection):
        """Makes the same calls with orgconnect and returns the requests that it sent for them."""
        order = {
            "url": self.url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "connection": connection,
            "calls": calls,
        }
        subprocess.run([binary("ours")], input=json.dumps(order), text=True, check=True)
        return [request for request in self.requests() if request["path"].startswith("/v1/")]


def parameter(url, name):
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)[name][0]


@pytest.fixture
def sandbox():
    running = Sandbox()
    yield running
    running.stop()
