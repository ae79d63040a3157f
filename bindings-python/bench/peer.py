"""Measures one client in a process of its own: `peer.py URL CASE PEER SECONDS` prints one line of JSON.

CASE is `userinfo`, `members` or `events` (one call at a time), or `userinfo64` (64 in flight). The JSON is decoded to
what the client hands its user: for orgconnect, models.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

URL, CASE, PEER, SECONDS = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
PATHS = {
    "userinfo": "/v1/userinfo",
    "userinfo64": "/v1/userinfo",
    "members": "/v1/organizational_unit_members",
    "events": "/v1/events?tzid=Etc/UTC",
}
ADDRESS = URL + PATHS[CASE]
HEADERS = {"Authorization": "Bearer x", "Cronofy-Impersonate": "acc_1"}
FLIGHT = 64 if CASE == "userinfo64" else 1


def report(calls: int, seconds: float, cpu: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"per_second": calls / seconds, "cpu_us": cpu / calls * 1e6, "rss_mb": usage.ru_maxrss / 1024}
    print(json.dumps({"peer": PEER, "case": CASE, **figures}))


def measure(call: Callable[[], Any]) -> None:
    for _ in range(100):
        call()
    calls, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < SECONDS:
        for _ in range(20):
            call()
        calls += 20
    report(calls, time.perf_counter() - began, time.process_time() - cpu)


async def measure_async(call: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(100):
        await call()
    calls, is_over = 0, False

    async def worker() -> None:
        nonlocal calls
        while not is_over:
            await call()
            calls += 1

    began, cpu = time.perf_counter(), time.process_time()
    workers = [asyncio.create_task(worker()) for _ in range(FLIGHT)]
    await asyncio.sleep(SECONDS)
    is_over = True
    await asyncio.gather(*workers)
    report(calls, time.perf_counter() - began, time.process_time() - cpu)


def orgconnect() -> None:
    import orgconnect

    if CASE == "userinfo64":
        asyncio.run(_orgconnect_async())
        return
    client = orgconnect.Client("id", "secret", base_url=URL)
    pending = client.authorize("http://127.0.0.1:9/callback")
    doc = client.complete(pending, _callback(pending.url)).organization.impersonate("acc_1")
    organization = client.connections()[0].id
    if CASE == "userinfo":
        measure(doc.userinfo.read)
    elif CASE == "members":
        measure(client.organization(organization).members.list().first_page)
    else:
        measure(doc.events.read(tzid="Etc/UTC").first_page)


async def _orgconnect_async() -> None:
    import orgconnect

    client = orgconnect.AsyncClient("id", "secret", base_url=URL)
    pending = client.authorize("http://127.0.0.1:9/callback")
    doc = (await client.complete(pending, _callback(pending.url))).organization.impersonate("acc_1")
    await measure_async(doc.userinfo.read)


def _callback(url: str) -> str:
    return f"code=x&state={parse_qs(urlsplit(url).query)['state'][0]}"


def pycronofy() -> None:
    import pycronofy

    client = pycronofy.Client(access_token="x")
    client.request_handler.base_url = URL
    calls: dict[str, Callable[[], Any]] = {
        "userinfo": client.userinfo,
        "members": lambda: client.request_handler.get("organizational_unit_members").json(),
        "events": lambda: client.request_handler.get("events?tzid=Etc/UTC").json(),
    }
    measure(calls[CASE])


def requests() -> None:
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)
    measure(lambda: session.get(ADDRESS).json())


def urllib3() -> None:
    import urllib3

    pool = urllib3.PoolManager(headers=HEADERS)
    measure(lambda: json.loads(pool.request("GET", ADDRESS).data))


def httpx() -> None:
    import httpx

    if CASE != "userinfo64":
        client = httpx.Client(headers=HEADERS)
        measure(lambda: client.get(ADDRESS).json())
        return

    async def main() -> None:
        limits = httpx.Limits(max_connections=FLIGHT)
        async with httpx.AsyncClient(headers=HEADERS, limits=limits) as client:

            async def call() -> Any:
                return (await client.get(ADDRESS)).json()

            await measure_async(call)

    asyncio.run(main())


def aiohttp() -> None:
    import aiohttp

    async def main() -> None:
        connector = aiohttp.TCPConnector(limit=FLIGHT)
        async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as session:

            async def call() -> Any:
                async with session.get(ADDRESS) as reply:
                    return await reply.json()

            await measure_async(call)

    asyncio.run(main())


PEERS = {
    "orgconnect": orgconnect,
    "pycronofy": pycronofy,
    "requests": requests,
    "urllib3": urllib3,
    "httpx": httpx,
    "aiohttp": aiohttp,
}
PEERS[PEER]()
