"""Commands about playbooks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from service.commands.terminal import Config, group, open_store, plainly, say

app = typer.Typer()
playbook = group("Playbooks: list, check, plan, run.")
app.add_typer(playbook, name="playbook")
Inputs = Annotated[list[str] | None, typer.Option("--input", help="NAME=VALUE, once for each input.")]
Out = Annotated[Path | None, typer.Option("--out", help="The file to write; without it standard output. One that is there already is not overwritten.")]


@playbook.command("list")
@plainly
def playbook_list(config: Config = None) -> None:
    """Every playbook with its risk, and files that cannot be used."""
    from service.ordering import catalogue, list_lines

    say("\n".join(list_lines(catalogue(read_settings(config)))))


@playbook.command("check")
@plainly
def playbook_check(paths: list[Path]) -> None:
    """Check files or folders; exit status 1 when something is wrong."""
    from service.ordering import check_lines

    lines, is_well = check_lines(paths)
    say("\n".join(lines))
    raise typer.Exit(0 if is_well else 1)


@playbook.command("plan")
@plainly
def playbook_plan(
    name: str, values: Inputs = None, incident: str = "", config: Config = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Exact commands, targets, the way back and who is hit. Touches nothing."""
    from service.ordering import plan_lines, plan_now, read_inputs

    settings = read_settings(config)
    plan = plan_now(settings, open_store(settings), name, read_inputs(values or ()), incident)
    say(plan.model_dump_json(by_alias=True, indent=2) if as_json else "\n".join(plan_lines(plan)))


@playbook.command("run")
@plainly
def playbook_run(
    name: str,
    who: Annotated[str, typer.Option("--who", help="The account that asks; its roles count, and it cannot approve.")],
    values: Inputs = None,
    incident: str = "",
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for the end.")] = "10m",
    config: Config = None,
) -> None:
    """Ask the running service for a run and wait for its end; exit status 1 when it did not end well."""
    from core.clock import seconds
    from service.ordering import ask_run, plan_lines, plan_now, read_inputs, wait_run

    settings = read_settings(config)
    store = open_store(settings)
    plan = plan_now(settings, store, name, read_inputs(values or ()), incident)
    say("\n".join(plan_lines(plan)))
    run = ask_run(store, plan, who, datetime.now(UTC))
    say(f"run {run}")
    state = wait_run(store, run, seconds(wait))
    say(state)
    raise typer.Exit(0 if state == "done" else 1)


@playbook.command("export")
@plainly
def playbook_export(name: str, out: Out = None, config: Config = None) -> None:
    """Write a playbook as a CACAO 2.0 document (JSON); what does not map is listed on standard error."""
    from playbooks.cacao import export_text
    from playbooks.capabilities import capability
    from service.ordering import catalogue

    _hand_out(*export_text(catalogue(read_settings(config)), name, capability), out)


@playbook.command("import")
@plainly
def playbook_import(
    file: Path,
    out: Out = None,
    name: Annotated[str, typer.Option("--name", help="How the playbook shall be called; without it after the document.")] = "",
    config: Config = None,
) -> None:
    """Read a CACAO 2.0 document (JSON) and write a playbook (YAML); what does not map is listed on standard error. Nothing of it is run."""
    from service.ordering import catalogue, take_in

    _hand_out(*take_in(catalogue(read_settings(config)), file, name), out)


def _hand_out(text: str, notes: tuple[str, ...], out: Path | None) -> None:
    from core.errors import ConfigError

    for note in notes:
        typer.echo(f"not mapped: {note}", err=True)
    if out is None:
        say(text)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")
    except OSError as err:
        raise ConfigError(f"cannot be written: {err.strerror}", path=out) from err
    say(f"written: {out}")
