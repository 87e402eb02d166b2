"""Commands about sealed credentials."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from service.commands.terminal import Config, group, open_vault, plainly, say
from service.disk import read_bytes

app = typer.Typer()
credential = group("Sealed credentials.")
app.add_typer(credential, name="credential")


@credential.command("put")
@plainly
def credential_put(
    name: str, fields: Annotated[list[str], typer.Argument(help="username=ops and the like; a secret as password=- is asked for.")], config: Config = None
) -> None:
    """Seal a credential. A field value "-" is asked for without echo, "@FILE" is read from a file."""
    settings = read_settings(config)
    values = dict(field.partition("=")[::2] for field in fields)
    given = {key: _secret_value(key, value) for key, value in values.items()}
    open_vault(settings).put(name, given, who="command line", now=datetime.now(UTC))
    say(f"sealed {name}")


@credential.command("list")
@plainly
def credential_list(config: Config = None) -> None:
    """The names of all credentials."""
    for name in open_vault(read_settings(config)).names():
        say(name)


@credential.command("remove")
@plainly
def credential_remove(name: str, config: Config = None) -> None:
    """Forget a credential."""
    open_vault(read_settings(config)).remove(name, who="command line", now=datetime.now(UTC))


@credential.command("rotate")
@plainly
def credential_rotate(new_key_file: Path, config: Config = None) -> None:
    """Wrap every credential under the key in NEW_KEY_FILE (64 hexadecimal digits)."""
    from inventory.credentials import master_key

    new = master_key(new_key_file.parent, {"WANGLOU_MASTER_KEY_FILE": str(new_key_file)})
    say(f"{open_vault(read_settings(config)).rotate(new, who='command line', now=datetime.now(UTC))} fields are under the new key now; start Wanglou with it")


def _secret_value(key: str, value: str) -> str:
    if value == "-":
        return str(typer.prompt(key, hide_input=True))
    if value.startswith("@"):
        return read_bytes(Path(value[1:])).decode("utf-8").strip()
    return value
