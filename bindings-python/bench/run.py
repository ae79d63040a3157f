"""Measures the package beside other clients, in one run on one local server, and says whether it is as quick as it
means to be.

`run.py SERVER [SECONDS] [ROUNDS]`: SERVER is the program `orgconnect-fixed`. Clients take turns, in processes of
their own; the median of the rounds counts. Figures hold only beside each other, in one run on one machine.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SERVER = sys.argv[1]
SECONDS = sys.argv[2] if len(sys.argv) > 2 else "2"
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
CASES = {
    "userinfo": ["orgconnect", "pycronofy", "requests", "httpx", "urllib3"],
    "userinfo64": ["orgconnect", "httpx", "aiohttp"],
    "events": ["orgconnect", "pycronofy", "urllib3"],
}

DECODE = """
import json, sys, time, urllib.request
from orgconnect._calls import _decode_other
from orgconnect._decode import decoder
from orgconnect.api.events import EventsPage
body = urllib.request.urlopen(sys.argv[1] + "/v1/events").read()
read = decoder(EventsPage, _decode_other).decode
def best(work):
    times = []
    for _ in range(200):
        began = time.perf_counter()
        work(body)
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 10] * 1e6
ours, theirs = [], []
for _ in range(5):
    ours.append(best(read))
    theirs.append(best(json.loads))
print(json.dumps({"events": len(read(body).events), "ours": min(ours), "json": min(theirs)}))
"""

IMPORT = "import time; began = time.perf_counter(); import orgconnect; print(time.perf_counter() - began)"

MEMORY = """
import gc, sys
from urllib.parse import parse_qs, urlsplit
import orgconnect
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
client = orgconnect.Client("id", "secret", base_url=sys.argv[1])
pending = client.authorize("http://127.0.0.1:9/callback")
state = parse_qs(urlsplit(pending.url).query)["state"][0]
doc = client.complete(pending, f"code=x&state={state}").organization.impersonate("acc_1")
calls = int(sys.argv[2])
for _ in range(calls // 10):
    doc.userinfo.read()
gc.collect()
before = resident()
for _ in range(calls):
    doc.userinfo.read()
gc.collect()
print(before, resident())
"""


def run(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def main() -> None:
    server = subprocess.Popen([SERVER], stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().strip() if server.stdout else ""
    try:
        failed = measure(url)
    finally:
        server.terminate()
    sys.exit(failed)


def measure(url: str) -> int:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for _ in range(ROUNDS):
        for case, peers in CASES.items():
            for peer in peers:
                line = run(str(HERE / "peer.py"), url, case, peer, SECONDS)
                found.setdefault((case, peer), []).append(json.loads(line))
    print(f"{'case':12}{'client':12}{'calls/s':>10}{'CPU us':>10}{'MB':>8}")
    rate: dict[tuple[str, str], float] = {}
    for (case, peer), runs in found.items():
        figure = {name: statistics.median(one[name] for one in runs) for name in ("per_second", "cpu_us", "rss_mb")}
        rate[case, peer] = figure["per_second"]
        print(f"{case:12}{peer:12}{figure['per_second']:10.0f}{figure['cpu_us']:10.0f}{figure['rss_mb']:8.0f}")
    decoded = json.loads(run("-c", DECODE, url))
    imports = sorted(float(run("-c", IMPORT)) for _ in range(9))
    before, after = map(float, run("-c", MEMORY, url, "100000").split())
    sync, many = rate["userinfo", "orgconnect"], rate["userinfo64", "orgconnect"]
    goals = [
        ("userinfo beside pycronofy", sync / rate["userinfo", "pycronofy"], 6, "x, at least"),
        ("userinfo beside urllib3", sync / rate["userinfo", "urllib3"], 2, "x, at least"),
        ("64 in flight beside aiohttp", many / rate["userinfo64", "aiohttp"], 3, "x, at least"),
        (f"{decoded['events']} events decoded beside json.loads", decoded["ours"] / decoded["json"], 1.5, "x, at most"),
        ("import orgconnect", imports[len(imports) // 2] * 1000, 60, "ms, at most"),
        ("memory gained in 100,000 calls", after - before, 1, "MiB, at most"),
    ]
    print()
    failed = 0
    for what, value, goal, unit in goals:
        met = value >= goal if unit.endswith("least") else value <= goal
        failed += not met
        print(f"{'met   ' if met else 'MISSED'} {what}: {value:.2f} ({unit} {goal})")
    print(
        f"\ndecoding took {decoded['ours']:.0f} us and json.loads {decoded['json']:.0f} us", time.strftime("%Y-%m-%d")
    )
    return failed


main()
