"""Commands that play what would have happened: alerting under a virtual clock, detectors over stored history."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from service.commands.terminal import Config, group, open_store, plainly, say

app = typer.Typer()
scenario = group("Test an alerting configuration before it is switched on.")
detect = group("Detectors over stored history.")
app.add_typer(scenario, name="scenario")
app.add_typer(detect, name="detect")


@scenario.command("run")
@plainly
def scenario_run(paths: list[Path], as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Replay scenario files against the alerting code under a virtual clock."""
    from service.alerting.scenario import run

    raise typer.Exit(run(paths, as_json))


@detect.command("replay")
@plainly
def detect_replay(
    detectors: Annotated[list[str] | None, typer.Argument(help="Names of detectors; without it all of them.")] = None,
    since: Annotated[str, typer.Option("--since", help="How far back, such as 30d.")] = "30d",
    asset: Annotated[list[str] | None, typer.Option("--asset", help="Only these assets.")] = None,
    metric: Annotated[list[str] | None, typer.Option("--metric", help="Only these metrics.")] = None,
    budget: Annotated[str, typer.Option("--budget", help="How often they may call: watchful, shipped, calm, both, weekly, monthly or silent.")] = "shipped",
    scorer: Annotated[str, typer.Option("--scorer", help="First voice of host: knn, pca or pyod:MODEL.")] = "knn",
    as_json: Annotated[bool, typer.Option("--json")] = False,
    config: Config = None,
) -> None:
    """Run detectors over stored history: what would have fired, how often, at what cost. Nothing is raised."""
    from service.replaying import lines, replay_all

    for report in replay_all(open_store(read_settings(config)), detectors or (), since, asset or (), metric or (), budget, datetime.now(UTC), scorer):
        say(json.dumps(report.summary(), ensure_ascii=False) if as_json else "\n".join(lines(report)))
