"""Page time of the console: users who speak its websocket as a browser does, over 10,000 assets.

Each user connects once and goes from page to page by the menu, with two to six seconds of reading between them; a page's time runs from
asking for it to the end of its script with everything sent. Rendering in the browser is not in it.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx2

from core.errors import WanglouError

USERS: Final = (10, 20)
ASSETS: Final = 10_000
PAGES_EACH: Final = 8
PAGES: Final = (("", ""), ("assets", ""), ("incidents", ""), ("asset", "id=server-000"), ("incident", "id=i00000"), ("events", ""), ("health", ""))
LIMIT_S: Final = 2.0
PASSWORD: Final = "Morning-tower-7-rain"  # noqa: S105 - of an account that lives as long as this run
ROOT: Final = Path(__file__).parent.parent


def run() -> dict[str, Any]:
    """Median and 95th percentile per number of users, beside the limit of 2 s."""
    with tempfile.TemporaryDirectory(prefix="wanglou-bench-") as name:
        folder = Path(name)
        _fill(folder)
        port = _free_port()
        log = folder / "console.log"
        with log.open("wb") as output:
            program = [sys.executable, "-m", "console.server", "--data", name, "--port", str(port)]
            process = subprocess.Popen(program, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            cookie = _log_in(f"http://127.0.0.1:{port}", log)
            asyncio.run(_users(port, cookie, 1, {}))  # the first run of each page imports its libraries
            return {"assets": ASSETS, "limit_s": LIMIT_S, "users": {str(users): _figures(port, cookie, users) for users in USERS}}
        finally:
            process.terminate()
            process.wait(20)


def _figures(port: int, cookie: str, users: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {}
    asyncio.run(_users(port, cookie, users, times))
    every = sorted(value for values in times.values() for value in values)
    return {
        "pages": len(every),
        "median_s": round(median(every), 3),
        "p95_s": round(every[int(len(every) * 0.95)], 3),
        "by_page_median_s": {page or "now": round(median(values), 3) for page, values in sorted(times.items())},
    }


async def _users(port: int, cookie: str, users: int, times: dict[str, list[float]]) -> None:
    await asyncio.gather(*(_user(port, cookie, number, times) for number in range(users)))


async def _user(port: int, cookie: str, number: int, times: dict[str, list[float]]) -> None:
    from websockets.asyncio.client import connect

    chance = random.Random(number)
    await asyncio.sleep(chance.random())
    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    headers = {"Cookie": f"wanglou={cookie}", "Origin": f"http://127.0.0.1:{port}"}
    async with connect(address, additional_headers=headers, max_size=None) as link:
        hashes = await _open(link, "", "", {})
        for turn in range(PAGES_EACH):
            page, query = PAGES[(number + turn) % len(PAGES)]
            begin = time.monotonic()
            await _open(link, page, query, hashes)
            times.setdefault(page, []).append(time.monotonic() - begin)
            await asyncio.sleep(2 + 4 * chance.random())


async def _open(link: Any, page: str, query: str, hashes: dict[str, str]) -> dict[str, str]:
    """Ask for a page and read until its script has ended; returns the hashes by which the menu names its pages."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    ask = BackMsg()
    ask.rerun_script.page_script_hash = hashes.get(page, "")
    ask.rerun_script.query_string = query
    await link.send(ask.SerializeToString())
    while True:
        answer = ForwardMsg()
        answer.ParseFromString(await asyncio.wait_for(link.recv(), 60))
        if answer.WhichOneof("type") == "navigation":
            hashes = {entry.url_pathname if not entry.is_default else "": entry.page_script_hash for entry in answer.navigation.app_pages}
        if answer.WhichOneof("type") == "script_finished":
            if answer.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                raise WanglouError(f"the page {page or 'now'!r} ended with status {answer.script_finished}")
            return hashes


def _fill(folder: Path) -> None:
    from store.embedded import open_embedded
    from tests.console.seed import fill

    store = open_embedded(folder, "service")
    fill(store, datetime.now(UTC), incidents=50, assets=ASSETS, hours=24)
    store.close()


def _log_in(url: str, log: Path) -> str:
    """The session of the first account, its password changed."""
    deadline = time.monotonic() + 60
    while not (found := re.search(r"one-time password (\S+)", log.read_text(encoding="utf-8"))):
        if time.monotonic() > deadline:
            raise WanglouError(f"the console did not start: {log.read_text(encoding='utf-8')[-500:]}")
        time.sleep(0.2)
    with httpx2.Client(base_url=url, follow_redirects=False) as client:
        while not _answers(client):
            time.sleep(0.2)
        client.get("/login")
        client.post("/login", data={"form": client.cookies["wanglou_form"], "name": "admin", "password": found[1]})
        mark = client.get("/password").text.split('name="form" value="')[1].split('"')[0]
        client.post("/password", data={"form": mark, "old": found[1], "new": PASSWORD, "again": PASSWORD})
        return str(client.cookies["wanglou"])


def _answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
