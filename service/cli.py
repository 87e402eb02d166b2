"""The command line ``wanglou``. Every command says in plain words what went wrong and ends with a status."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from service.commands import accounts, compliance, credentials, devices, playbooks, replays
from service.commands.terminal import Config, group, open_store, plainly, say, say_all
from service.disk import read_bytes

app = typer.Typer(
    name="wanglou",
    help="Wanglou 望楼: one console for operations, security and graded protection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
audit = group("The audit chain.")
app.add_typer(audit, name="audit")
for subject in (devices, accounts, credentials, compliance, playbooks, replays):
    app.add_typer(subject.app)


def main() -> None:
    """Entry point of the console script."""
    app()


@app.command()
@plainly
def up(
    config: Config = None,
    demo: Annotated[bool, typer.Option("--demo", help="Bring up the simulated bureau too, in a data folder of its own.")] = False,
    store: Annotated[str | None, typer.Option("--store", help="embedded or elastic.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="Address of Elasticsearch.")] = None,
) -> None:
    """Run everything in the foreground: service, console and, with --demo, the simulated bureau."""
    from service.up import run_up

    if store:
        os.environ["WANGLOU_STORE__BACKEND"] = store
    if url:
        os.environ["WANGLOU_STORE__URL"] = url
    raise typer.Exit(run_up(config, demo=demo, say=say))


@app.command()
@plainly
def serve(config: Config = None) -> None:
    """Run the service alone: collecting, detecting, alerting (the supervisor starts this)."""
    from service.serve import run_service

    raise typer.Exit(run_service(read_settings(config)))


@app.command()
@plainly
def status(config: Config = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say how the running service is; exit status 1 when it is not well."""
    from service.status import read_status

    found = read_status(read_settings(config))
    say(json.dumps(found, ensure_ascii=False, indent=2) if as_json else "\n".join(f"{key}: {value}" for key, value in found.items()))
    raise typer.Exit(0 if found["state"] == "running" else 1)


@app.command()
@plainly
def doctor(config: Config = None) -> None:
    """Say what is wrong with the machine, the settings, the store and permissions."""
    from service.doctor import examine

    complaints = 0
    for finding in examine(config):
        say(finding.line)
        complaints += finding.bad
    raise typer.Exit(1 if complaints else 0)


@app.command()
@plainly
def backup(target: Path, config: Config = None) -> None:
    """Copy everything into a new folder under TARGET, while the service runs."""
    from service.backup import make_backup

    say(str(make_backup(read_settings(config), target, datetime.now(UTC))))


@app.command()
@plainly
def restore(source: Path, config: Config = None) -> None:
    """Bring a backup into an empty data folder; the service must not run."""
    from service.backup import restore_backup

    say_all(restore_backup(read_settings(config), source))


@app.command("import")
@plainly
def import_assets(
    file: Path,
    config: Config = None,
    do: Annotated[bool, typer.Option("--do", help="Write; without it only a preview is shown.")] = False,
    who: str = "command line",
) -> None:
    """Import assets from a CSV or Excel table."""
    from inventory.book import Book
    from inventory.imports import apply, preview

    data, book = read_bytes(file), Book(open_store(read_settings(config)))
    plan = preview(data, book)
    for problem in plan.problems:
        say(f"row {problem.row}: {problem.column}: {problem.message}")
    for planned in plan.planned:
        say(f"row {planned.row}: {planned.what} {planned.asset} {dict(planned.after) if planned.what != 'same' else ''}".rstrip())
    if do:
        changes, _ = apply(data, book, who=who, now=datetime.now(UTC))
        say(f"{len(changes)} assets added or changed")


@audit.command("verify")
@plainly
def audit_verify(
    config: Config = None,
    seals: Annotated[Path | None, typer.Option("--seals", help="A file of seals that was kept elsewhere; lines of a syslog server do as well.")] = None,
) -> None:
    """Check every link of the audit chain, and hold kept seals against it."""
    from service.seals import examine

    store = open_store(read_settings(config))
    broken = store.audit.verify()
    say("the audit chain is whole" if broken is None else f"the audit chain is broken at entry {broken}")
    found = examine(store, read_bytes(seals).decode("utf-8", "replace").splitlines()) if seals else None
    if found:
        verdict = f"does not fit: {found.broken}" if found.broken else "all fit"
        say(f"{found.count} seals read, {verdict}" + (f"; {found.unreadable} lines are no seal" if found.unreadable else ""))
    raise typer.Exit(0 if broken is None and (found is None or (found.count and not found.broken)) else 1)


@audit.command("head")
@plainly
def audit_head(config: Config = None) -> None:
    """Seal by hand: the ends of the audit and evidence chains as one line, to be kept somewhere else."""
    from service.seals import take_seal

    say(take_seal(open_store(read_settings(config)), datetime.now(UTC)).line)
