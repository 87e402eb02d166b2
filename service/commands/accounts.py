"""Commands about accounts of the console."""

from __future__ import annotations

import subprocess
import sys

import typer

from service.commands.terminal import Config, group, plainly

app = typer.Typer()
account = group("Accounts of the console.")
app.add_typer(account, name="account")


@account.command("rescue")
@plainly
def account_rescue(name: str, config: Config = None) -> None:
    """Give an account a new one-time password and no second factor, when nobody in the console can; it is audited."""
    program = [sys.executable, "-m", "console.rescue", *(["--config", str(config)] if config else []), "--", name]
    raise typer.Exit(subprocess.run(program, check=False).returncode)
