"""Commands about devices and networks: asking, searching, finding, recording."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.secrets import Secret
from core.settings import read_settings
from service.commands.terminal import Config, group, open_store, open_vault, plainly, say

app = typer.Typer()
snmp = group("Look at SNMP devices.")
profile = group("Device profiles.")
app.add_typer(snmp, name="snmp")
app.add_typer(profile, name="profile")


@app.command()
@plainly
def poll(
    targets: Annotated[Path, typer.Option("--targets", help="JSON lines: target, host, port, version, community.")],
    out: Annotated[Path, typer.Option("--out", help="Where the JSON lines go.")],
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=512)] = 32,
) -> None:
    """Poll many SNMP devices once and write what each of them is and measures."""
    from collectors.network.snmp.poll import poll_targets

    answered = poll_targets(targets, out, concurrency)
    print(f"{answered} targets answered", file=sys.stderr)  # noqa: T201


@app.command()
@plainly
def discover(
    ranges: Annotated[
        list[str] | None, typer.Argument(help="10.1.0.0/24, 10.1.1-3.10-20, 2001:db8::/120 or single addresses, inside discovery.allowed.")
    ] = None,
    seed: Annotated[list[str] | None, typer.Option("--seed", help="Address or asset id whose neighbours and address table are followed.")] = None,
    hops: Annotated[int, typer.Option("--hops", min=0, max=10)] = 2,
    credential_names: Annotated[list[str] | None, typer.Option("--credential", help="Sealed credential for SNMP; tried in order.")] = None,
    snmp_port: Annotated[list[int] | None, typer.Option("--snmp-port")] = None,
    port: Annotated[list[int] | None, typer.Option("--port", help="TCP port to look at; 0 for none.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    config: Config = None,
) -> None:
    """Search the network now, put what answers into the discovery inbox and print it."""
    from inventory.credentials import Vault, master_key
    from service.discovering import search_now, shown

    settings = read_settings(config)
    wanted = {"ranges": ranges or [], "seeds": seed or [], "hops": hops, "credentials": credential_names or []}
    wanted |= {"snmp_ports": snmp_port} if snmp_port else {}
    wanted |= {"ports": [number for number in port if number]} if port else {}
    store = open_store(settings)
    found, outcome = search_now(settings, store, Vault(store, master_key(settings.data)), wanted, "command line")
    for candidate in found:
        say(json.dumps(candidate.document(), ensure_ascii=False) if as_json else shown(candidate))
    for problem in outcome.problems:
        print(problem, file=sys.stderr)  # noqa: T201
    print(f"{len(outcome.searched)} addresses asked, {outcome.found} answered, {len(found)} devices", file=sys.stderr)  # noqa: T201


@app.command()
@plainly
def where(words: list[str], config: Config = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say behind which switch port machines are; exit status 1 when none fits."""
    from inventory.book import Book
    from inventory.topology import finding, machines

    store = open_store(read_settings(config))
    found = finding.search(finding.read_machines(store), {asset.id: asset for asset in Book(store).all()}, " ".join(words))
    for machine in found:
        say(json.dumps(machines.body_of(machine), ensure_ascii=False) if as_json else finding.line(machine))
    raise typer.Exit(0 if found else 1)


@snmp.command("walk")
@plainly
def snmp_walk(
    host: str,
    out: Path,
    port: int = 161,
    version: str = "2c",
    credential_name: Annotated[str, typer.Option("--credential", help="Name of a sealed credential; without it the community is asked for.")] = "",
    config: Config = None,
) -> None:
    """Record everything that an SNMP device says into the file OUT."""
    from collectors.network.snmp.poll import access_of
    from collectors.network.snmp.walk import record

    secret = open_vault(read_settings(config)).get(credential_name) if credential_name else Secret(community=str(typer.prompt("community", hide_input=True)))
    target = {"host": host, "port": port, "version": version, "community": secret.community, "user": secret.username}
    keys = {"auth": secret.auth_protocol, "auth_key": secret.auth_key, "privacy": secret.priv_protocol, "privacy_key": secret.priv_key}
    written = record(access_of({**target, **keys}), out)
    say(f"{written} values in {out}; read it before you pass it on")


@profile.command("test")
@plainly
def profile_test(recording: Path, own: Annotated[Path | None, typer.Option("--profiles", help="Folder of your own profiles, tried first.")] = None) -> None:
    """Run the device profiles on a recording and show what they read."""
    from collectors.network.snmp.walk import shown, try_profiles

    say(shown(try_profiles(recording, own)))
