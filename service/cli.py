"""The command line ``wanglou``. Every command says in plain words what went wrong and ends with a status."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from core.errors import WanglouError
from core.secrets import Secret
from core.settings import Settings, read_settings
from service.disk import read_bytes

P = ParamSpec("P")
EXIT_CONFIG = 78

app = typer.Typer(
    name="wanglou",
    help="Wanglou 望楼: one console for operations, security and graded protection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
snmp = typer.Typer(help="Look at SNMP devices.", no_args_is_help=True)
profile = typer.Typer(help="Device profiles.", no_args_is_help=True)
scenario = typer.Typer(help="Test an alerting configuration before it is switched on.", no_args_is_help=True)
credential = typer.Typer(help="Sealed credentials.", no_args_is_help=True)
audit = typer.Typer(help="The audit chain.", no_args_is_help=True)
detect = typer.Typer(help="Detectors over stored history.", no_args_is_help=True)
evidence = typer.Typer(help="The evidence chain of graded protection.", no_args_is_help=True)
playbook = typer.Typer(help="Playbooks: list, check, plan, run.", no_args_is_help=True)
framework = typer.Typer(help="Frameworks of requirements: list, check, bring in.", no_args_is_help=True)
app.add_typer(framework, name="framework")
xccdf = typer.Typer(help="Results of scanners.", no_args_is_help=True)
transfer = typer.Typer(help="Records over an air gap, in signed files.", no_args_is_help=True)
app.add_typer(transfer, name="transfer")
app.add_typer(xccdf, name="xccdf")
record = typer.Typer(help="Records of security management.", no_args_is_help=True)
app.add_typer(record, name="record")
app.add_typer(evidence, name="evidence")
app.add_typer(playbook, name="playbook")
for name, group in {"snmp": snmp, "profile": profile, "scenario": scenario, "credential": credential, "audit": audit, "detect": detect}.items():
    app.add_typer(group, name=name)

Config = Annotated[Path | None, typer.Option("--config", help="Settings file; default: wanglou.toml in the data folder.")]


def main() -> None:
    """Entry point of the console script."""
    app()


def plainly(function: Callable[P, None]) -> Callable[P, None]:
    """Turn our own errors into one line on standard error and exit status 1 (78 for a wrong configuration)."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from core.errors import ConfigError, StoreError

        try:
            function(*args, **kwargs)
        except WanglouError as err:
            print(f"wanglou: {err}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(EXIT_CONFIG if isinstance(err, ConfigError | StoreError) else 1) from None

    return wrapped


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(text, flush=True)  # noqa: T201


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

    for line in restore_backup(read_settings(config), source):
        say(line)


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

    data, book = read_bytes(file), Book(_store(read_settings(config)))
    plan = preview(data, book)
    for problem in plan.problems:
        say(f"row {problem.row}: {problem.column}: {problem.message}")
    for planned in plan.planned:
        say(f"row {planned.row}: {planned.what} {planned.asset} {dict(planned.after) if planned.what != 'same' else ''}".rstrip())
    if do:
        changes, _ = apply(data, book, who=who, now=datetime.now(UTC))
        say(f"{len(changes)} assets added or changed")


@app.command()
@plainly
def where(words: list[str], config: Config = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say behind which switch port machines are; exit status 1 when none fits."""
    from inventory.book import Book
    from inventory.topology import finding, machines

    store = _store(read_settings(config))
    found = finding.search(finding.read_machines(store), {asset.id: asset for asset in Book(store).all()}, " ".join(words))
    for machine in found:
        say(json.dumps(machines.body_of(machine), ensure_ascii=False) if as_json else finding.line(machine))
    raise typer.Exit(0 if found else 1)


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
    store = _store(settings)
    found, outcome = search_now(settings, store, Vault(store, master_key(settings.data)), wanted, "command line")
    for candidate in found:
        say(json.dumps(candidate.document(), ensure_ascii=False) if as_json else shown(candidate))
    for problem in outcome.problems:
        print(problem, file=sys.stderr)  # noqa: T201
    print(f"{len(outcome.searched)} addresses asked, {outcome.found} answered, {len(found)} devices", file=sys.stderr)  # noqa: T201


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

    secret = _vault(read_settings(config)).get(credential_name) if credential_name else Secret(community=str(typer.prompt("community", hide_input=True)))
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


@scenario.command("run")
@plainly
def scenario_run(paths: list[Path], as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Replay scenario files against the alerting code under a virtual clock."""
    from service.alerting.scenario import run

    raise typer.Exit(run(paths, as_json))


@credential.command("put")
@plainly
def credential_put(
    name: str, fields: Annotated[list[str], typer.Argument(help="username=ops and the like; a secret as password=- is asked for.")], config: Config = None
) -> None:
    """Seal a credential. A field value "-" is asked for without echo, "@FILE" is read from a file."""
    settings = read_settings(config)
    values = dict(field.partition("=")[::2] for field in fields)
    given = {key: _secret_value(key, value) for key, value in values.items()}
    _vault(settings).put(name, given, who="command line", now=datetime.now(UTC))
    say(f"sealed {name}")


@credential.command("list")
@plainly
def credential_list(config: Config = None) -> None:
    """The names of all credentials."""
    for name in _vault(read_settings(config)).names():
        say(name)


@credential.command("remove")
@plainly
def credential_remove(name: str, config: Config = None) -> None:
    """Forget a credential."""
    _vault(read_settings(config)).remove(name, who="command line", now=datetime.now(UTC))


@credential.command("rotate")
@plainly
def credential_rotate(new_key_file: Path, config: Config = None) -> None:
    """Wrap every credential under the key in NEW_KEY_FILE (64 hexadecimal digits)."""
    from inventory.credentials import master_key

    new = master_key(new_key_file.parent, {"WANGLOU_MASTER_KEY_FILE": str(new_key_file)})
    say(f"{_vault(read_settings(config)).rotate(new, who='command line', now=datetime.now(UTC))} fields are under the new key now; start Wanglou with it")


@audit.command("verify")
@plainly
def audit_verify(config: Config = None) -> None:
    """Check every link of the audit chain."""
    broken = _store(read_settings(config)).audit.verify()
    say("the audit chain is whole" if broken is None else f"the audit chain is broken at entry {broken}")
    raise typer.Exit(0 if broken is None else 1)


@app.command()
@plainly
def report(
    kind: Annotated[str, typer.Argument(help="assessment, rectification, summary, applicability, units, evidence (a zip with the verifier) or oscal.")],
    out: Annotated[Path, typer.Option("--out", help="A file, or a folder for the usual name.")] = Path(),
    name: Annotated[str, typer.Option("--object", help="Protection object; without it the whole estate.")] = "",
    level: Annotated[int, typer.Option("--level", min=1, max=4, help="Level of the whole estate.")] = 3,
    form: Annotated[str, typer.Option("--format", help="docx, xlsx or pdf.")] = "docx",
    language: Annotated[str, typer.Option("--language", help="zh_CN or en.")] = "zh_CN",
    day: Annotated[str, typer.Option("--day", help="State at the end of this day; without it now.")] = "",
    framework: Annotated[str, typer.Option("--framework", help="Judge by this framework instead of the object's own.")] = "",
    config: Config = None,
) -> None:
    """Make a report of graded protection or of another framework, the evidence package, or OSCAL assessment results."""
    from compliance.office import Office
    from service.reporting import Asked, make_report

    settings = read_settings(config)
    office, now = Office(_store(settings), settings), datetime.now(UTC)
    spoken: Any = "en" if language.startswith("en") else "zh_CN"
    asked = Asked(kind=kind, name=name, level=level, form=form, language=spoken, day=day, out=out, framework=framework)
    for line in make_report(office, asked, now, lambda share, what: print(f"{share:4.0%} {what}", file=sys.stderr)):  # noqa: T201
        say(line)


@record.command("list")
@plainly
def record_list(config: Config = None) -> None:
    """Kinds of records, how many there are, what is late and what is missing."""
    from service.recordkeeping import listed

    settings = read_settings(config)
    for line in listed(settings, _store(settings), datetime.now(UTC)):
        say(line)


@record.command("export")
@plainly
def record_export(
    kind: str,
    out: Annotated[Path, typer.Argument(help="A file .xlsx or .csv.")],
    language: Annotated[str, typer.Option("--language", help="zh_CN or en.")] = "zh_CN",
    config: Config = None,
) -> None:
    """The records of a kind as a table; of a kind without records the empty table to fill in."""
    from service.recordkeeping import handed_out

    settings = read_settings(config)
    say(handed_out(settings, _store(settings), kind, out, zh=not language.startswith("en")))


@record.command("import")
@plainly
def record_import(
    kind: str,
    file: Path,
    do: Annotated[bool, typer.Option("--do", help="Write; without it only a preview is shown.")] = False,
    who: str = "command line",
    config: Config = None,
) -> None:
    """Records from a CSV or Excel table; wrong rows are named and left out."""
    from service.recordkeeping import brought_in

    settings = read_settings(config)
    for line in brought_in(settings, _store(settings), kind, read_bytes(file), who, datetime.now(UTC), do=do):
        say(line)


@framework.command("list")
@plainly
def framework_list(config: Config = None) -> None:
    """The shipped framework and those of the site."""
    from service.frameworks import listed

    for line in listed(read_settings(config).site_folder):
        say(line)


@framework.command("check")
@plainly
def framework_check(paths: list[Path], config: Config = None) -> None:
    """Say what framework files hold, or what is wrong with them by line and key."""
    from service.frameworks import checked

    for path in paths:
        for line in checked(path, read_settings(config).site_folder):
            say(line)


@framework.command("import")
@plainly
def framework_import(
    catalog: Annotated[Path, typer.Argument(help="An OSCAL catalogue (JSON).")],
    name: Annotated[str, typer.Option("--id", help="The id of the framework; its file gets this name.")],
    profile: Annotated[Path | None, typer.Option("--profile", help="An OSCAL profile (JSON) that chooses from the catalogue.")] = None,
    config: Config = None,
) -> None:
    """Write an OSCAL catalogue as a framework file into the site's folder."""
    from service.frameworks import brought

    for line in brought(catalog, profile, name, read_settings(config).site_folder):
        say(line)


@framework.command("classified")
@plainly
def framework_classified(config: Config = None) -> None:
    """Put the empty template for a classified system into the site's folder."""
    from service.frameworks import CLASSIFIED, fresh

    for line in fresh(CLASSIFIED, read_settings(config).site_folder):
        say(line)


@xccdf.command("import")
@plainly
def xccdf_import(
    path: Annotated[Path, typer.Argument(help="Results of XCCDF 1.2, alone or inside ARF.")],
    asset: Annotated[str, typer.Option("--asset", help="The asset that was scanned; without it its name or address in the file.")] = "",
    config: Config = None,
) -> None:
    """Bring in what a scanner (OpenSCAP for instance) found on an asset."""
    from inventory.book import Book
    from service.scans import bring

    settings = read_settings(config)
    store = _store(settings)
    for line in bring(store, Book(store).all(), settings.site_folder, path, asset, datetime.now(UTC)):
        say(line)


def _post(config: Path | None) -> Any:
    from compliance.office import Office
    from service.transfers import Post

    settings = read_settings(config)
    return Post(Office(_store(settings), settings), _vault(settings))


@transfer.command("key")
@plainly
def transfer_key(config: Config = None) -> None:
    """The public key of this installation, for the other side; made when there is none."""
    for line in _post(config).key(datetime.now(UTC)):
        say(line)


@transfer.command("make")
@plainly
def transfer_make(
    out: Annotated[Path, typer.Argument(help="The file to write; one that is there is not written over.")],
    name: Annotated[str, typer.Option("--object", help="The protection object.")],
    config: Config = None,
) -> None:
    """Write a signed file about an object: its record, framework, answers and evidence package."""
    for line in _post(config).make(name, out, datetime.now(UTC)):
        say(line)


@transfer.command("take")
@plainly
def transfer_take(
    path: Path, config: Config = None, do: Annotated[bool, typer.Option("--do", help="Keep it; without it the file is only checked.")] = False
) -> None:
    """Check a signed file of another installation and keep what is in it."""
    for line in _post(config).take(path, datetime.now(UTC), do=do):
        say(line)


@evidence.command("verify")
@plainly
def evidence_verify(heads: Annotated[list[str] | None, typer.Option("--head", help="NUMBER:HASH noted earlier.")] = None, config: Config = None) -> None:
    """Check every link of the evidence chain, and the heads that the audit noted day by day."""
    from compliance.office import Office
    from service.reporting import verify_evidence

    settings = read_settings(config)
    raise typer.Exit(0 if verify_evidence(Office(_store(settings), settings), say, heads or []) else 1)


@evidence.command("head")
@plainly
def evidence_head(config: Config = None) -> None:
    """Number and hash of the newest link; keep it somewhere else."""
    from compliance.evidence import head

    say(":".join(map(str, head(_store(read_settings(config)).documents))))


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


Inputs = Annotated[list[str] | None, typer.Option("--input", help="NAME=VALUE, once for each input.")]


@playbook.command("plan")
@plainly
def playbook_plan(
    name: str, values: Inputs = None, incident: str = "", config: Config = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Exact commands, targets, the way back and who is hit. Touches nothing."""
    from service.ordering import plan_lines, plan_now, read_inputs

    settings = read_settings(config)
    plan = plan_now(settings, _store(settings), name, read_inputs(values or ()), incident)
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
    store = _store(settings)
    plan = plan_now(settings, store, name, read_inputs(values or ()), incident)
    say("\n".join(plan_lines(plan)))
    run = ask_run(store, plan, who, datetime.now(UTC))
    say(f"run {run}")
    state = wait_run(store, run, seconds(wait))
    say(state)
    raise typer.Exit(0 if state == "done" else 1)


Out = Annotated[Path | None, typer.Option("--out", help="The file to write; without it standard output. One that is there already is not overwritten.")]


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

    for report in replay_all(_store(read_settings(config)), detectors or (), since, asset or (), metric or (), budget, datetime.now(UTC), scorer):
        say(json.dumps(report.summary(), ensure_ascii=False) if as_json else "\n".join(lines(report)))


def _store(settings: Settings) -> Any:
    from store.open import open_for

    return open_for(settings, "console")


def _vault(settings: Settings) -> Any:
    from inventory.credentials import Vault, master_key

    return Vault(_store(settings), master_key(settings.data))


def _secret_value(key: str, value: str) -> str:
    if value == "-":
        return str(typer.prompt(key, hide_input=True))
    if value.startswith("@"):
        return read_bytes(Path(value[1:])).decode("utf-8").strip()
    return value
