"""``python -m simulator``: run the bureau in a box, or tell a running one what should go wrong."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import ConfigError, WanglouError
from simulator.authority import open_authority
from simulator.box import Box
from simulator.chatter import Speaker
from simulator.estate import SHIPPED, load_estate
from simulator.objects import write_objects
from simulator.places import Places
from simulator.shell import shown_key
from simulator.site import write_site
from simulator.traffic import Reporter
from simulator.world import World

app = typer.Typer(add_completion=False, no_args_is_help=False)
Control = Annotated[int, typer.Option(help="Port of the control page on 127.0.0.1.")]


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    site: Annotated[Path | None, typer.Option(help="Write the site's assets below this folder.")] = None,
    syslog: Annotated[str, typer.Option(help="Send syslog to HOST:PORT over UDP.")] = "",
    flows: Annotated[str, typer.Option(help="Let the gateways report their traffic (IPFIX) to HOST:PORT over UDP.")] = "",
    estate: Annotated[Path, typer.Option(help="Folder of the declared estate.")] = SHIPPED,
    net: Annotated[int, typer.Option(min=1, max=254, help="Second number of the addresses: 127.NET.x.y.")] = 20,
    speed: Annotated[float, typer.Option(min=0, help="How much faster the simulated day goes; 0: no day, faults on command alone.")] = 24.0,
    control: Control = 8899,
) -> None:
    """Run until told to end."""
    if context.invoked_subcommand:
        return
    try:
        declared = load_estate(estate)
        places = Places(declared, net=net, control=control)
        folder = (site or Path.home() / ".cache" / "wanglou").resolve() / "simulator"
        authority = open_authority(folder)
        if site:
            write_site(site, places, authority.path, shown_key(folder))
            write_objects(site, declared, datetime.now(UTC).date())
        started = time.monotonic()
        world = World(declared, lambda: time.monotonic() - started, speed)
        speaker = Speaker(places, *_place(syslog)) if syslog else None
        reporter = Reporter(world, places, *_place(flows)) if flows else None
        asyncio.run(_serve(Box(world, places, folder, speaker, reporter, follows_day=speed > 0)))
    except (ConfigError, ValueError) as err:
        sys.stderr.write(f"simulator: {err}\n")
        raise typer.Exit(78) from None


def _place(text: str) -> tuple[str, int]:
    """``HOST:PORT``; raises ValueError."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


async def _serve(box: Box) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, box.ending.set)
    await box.run()


@app.command()
def past(
    data: Annotated[Path, typer.Option(help="Data folder of an installation whose service does not run.")],
    estate: Annotated[Path, typer.Option(help="Folder of the declared estate.")] = SHIPPED,
    net: Annotated[int, typer.Option(min=1, max=254, help="Second number of the addresses: 127.NET.x.y.")] = 20,
) -> None:
    """Fill an installation that keeps no records yet with the bureau's past year."""
    from simulator.year.begin import begin

    try:
        sys.stdout.write(begin(data, load_estate(estate), net, datetime.now(UTC)) + "\n")
    except WanglouError as err:
        sys.stderr.write(f"simulator: {err}\n")
        raise typer.Exit(78) from None


@app.command()
def fault(
    name: str,
    on: Annotated[bool, typer.Option("--on/--off", help="Begin or end it.")] = True,
    control: Control = 8899,
) -> None:
    """Begin or end a fault of the running simulator."""
    answer = _ask(control, f"faults/{name}", {"on": on})
    sys.stdout.write(f"{name} {'on' if answer['on'] else 'off'}\n")


@app.command()
def faults(control: Control = 8899) -> None:
    """List the faults and which of them are on."""
    answer = _ask(control, "faults", None)
    hour, minute = divmod(int(answer["minute"]), 60)
    sys.stdout.write(f"simulated time {hour:02d}:{minute:02d}\n")
    for one in answer["faults"]:
        sys.stdout.write(f"{'ON ' if one['on'] else '   '} {one['id']:24} {one['name']} / {one['en']}\n")


def _ask(port: int, path: str, body: dict[str, bool] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            return json.load(response)
    except urllib.error.HTTPError as err:
        sys.stderr.write(f"simulator: {json.load(err)['error']}\n")
    except OSError as err:
        sys.stderr.write(f"simulator: none answers on 127.0.0.1:{port}: {err}\n")
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
