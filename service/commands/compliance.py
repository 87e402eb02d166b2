"""Commands about graded protection: reports, records, frameworks, results of scanners, transfers, evidence."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from core.settings import read_settings
from service.commands.terminal import Config, group, open_store, open_vault, plainly, say, say_all
from service.disk import read_bytes

app = typer.Typer()
evidence = group("The evidence chain of graded protection.")
framework = group("Frameworks of requirements: list, check, bring in.")
xccdf = group("Results of scanners of settings (XCCDF).")
scan = group("Results of scanners of vulnerabilities.")
transfer = group("Records over an air gap, in signed files.")
record = group("Records of security management.")
template = group("Word templates of the site for its reports.")
app.add_typer(evidence, name="evidence")
app.add_typer(framework, name="framework")
app.add_typer(xccdf, name="xccdf")
app.add_typer(scan, name="scan")
app.add_typer(transfer, name="transfer")
app.add_typer(record, name="record")
app.add_typer(template, name="template")


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
    office, now = Office(open_store(settings), settings), datetime.now(UTC)
    spoken: Any = "en" if language.startswith("en") else "zh_CN"
    asked = Asked(kind=kind, name=name, level=level, form=form, language=spoken, day=day, out=out, framework=framework)
    say_all(make_report(office, asked, now, lambda share, what: print(f"{share:4.0%} {what}", file=sys.stderr)))  # noqa: T201


@template.command("make")
@plainly
def template_make(
    kind: Annotated[str, typer.Argument(help="assessment, rectification, summary, applicability, units, detection, round or review.")],
    language: Annotated[str, typer.Option("--language", help="zh_CN or en.")] = "zh_CN",
    config: Config = None,
) -> None:
    """Put a Word template to start from into the site's folder; from then on reports of the kind are written by it."""
    from service.templates import begun

    say_all(begun(read_settings(config).site_folder, kind, "en" if language.startswith("en") else "zh_CN"))


@template.command("check")
@plainly
def template_check(config: Config = None) -> None:
    """Fill each template of the site in with what there is now, and say which tag is wrong."""
    from compliance.office import Office
    from service.templates import checked

    settings = read_settings(config)
    lines, is_sound = checked(Office(open_store(settings), settings), datetime.now(UTC))
    say_all(lines)
    raise typer.Exit(0 if is_sound else 1)


@record.command("list")
@plainly
def record_list(config: Config = None) -> None:
    """Kinds of records, how many there are, what is late and what is missing."""
    from service.recordkeeping import listed

    settings = read_settings(config)
    say_all(listed(settings, open_store(settings), datetime.now(UTC)))


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
    say(handed_out(settings, open_store(settings), kind, out, zh=not language.startswith("en")))


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
    say_all(brought_in(settings, open_store(settings), kind, read_bytes(file), who, datetime.now(UTC), do=do))


@framework.command("list")
@plainly
def framework_list(config: Config = None) -> None:
    """The shipped framework and those of the site."""
    from service.frameworks import listed

    say_all(listed(read_settings(config).site_folder))


@framework.command("check")
@plainly
def framework_check(paths: list[Path], config: Config = None) -> None:
    """Say what framework files hold, or what is wrong with them by line and key."""
    from service.frameworks import checked

    for path in paths:
        say_all(checked(path, read_settings(config).site_folder))


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

    say_all(brought(catalog, profile, name, read_settings(config).site_folder))


@framework.command("classified")
@plainly
def framework_classified(config: Config = None) -> None:
    """Put the empty template for a classified system into the site's folder."""
    from service.frameworks import CLASSIFIED, fresh

    say_all(fresh(CLASSIFIED, read_settings(config).site_folder))


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
    store = open_store(settings)
    say_all(bring(store, Book(store).all(), settings.site_folder, path, asset, datetime.now(UTC)))


@scan.command("import")
@plainly
def scan_import(
    path: Annotated[Path, typer.Argument(help="A result of Nessus (.nessus), OpenVAS (XML), Trivy (JSON) or SARIF 2.1.0, or a table (CSV, Excel).")],
    asset: Annotated[str, typer.Option("--asset", help="The asset that was scanned; without it its name or address in the file.")] = "",
    day: Annotated[datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="When it was scanned, for a file that does not say.")] = None,
    do: Annotated[bool, typer.Option("--do", help="Keep it; without it only what the file says is shown.")] = False,
    config: Config = None,
) -> None:
    """Bring in what a scanner found; what its next scan shows no longer is fixed."""
    from service.vulnerabilities import brought_in

    settings = read_settings(config)
    say_all(brought_in(settings, open_store(settings), path, asset, day.date() if day else None, datetime.now(UTC), do=do))


@scan.command("list")
@plainly
def scan_list(config: Config = None) -> None:
    """What is open on each asset that was scanned, the worst first."""
    from service.vulnerabilities import listed

    say_all(listed(open_store(read_settings(config)), datetime.now(UTC)))


def _post(config: Path | None) -> Any:
    from compliance.office import Office
    from service.transfers import Post

    settings = read_settings(config)
    return Post(Office(open_store(settings), settings), open_vault(settings))


@transfer.command("key")
@plainly
def transfer_key(config: Config = None) -> None:
    """The public key of this installation, for the other side; made when there is none."""
    say_all(_post(config).key(datetime.now(UTC)))


@transfer.command("make")
@plainly
def transfer_make(
    out: Annotated[Path, typer.Argument(help="The file to write; one that is there is not written over.")],
    name: Annotated[str, typer.Option("--object", help="The protection object.")],
    config: Config = None,
) -> None:
    """Write a signed file about an object: its record, framework, answers and evidence package."""
    say_all(_post(config).make(name, out, datetime.now(UTC)))


@transfer.command("take")
@plainly
def transfer_take(
    path: Path, config: Config = None, do: Annotated[bool, typer.Option("--do", help="Keep it; without it the file is only checked.")] = False
) -> None:
    """Check a signed file of another installation and keep what is in it."""
    say_all(_post(config).take(path, datetime.now(UTC), do=do))


@evidence.command("verify")
@plainly
def evidence_verify(heads: Annotated[list[str] | None, typer.Option("--head", help="NUMBER:HASH noted earlier.")] = None, config: Config = None) -> None:
    """Check every link of the evidence chain, and the heads that the audit noted day by day."""
    from compliance.office import Office
    from service.reporting import verify_evidence

    settings = read_settings(config)
    raise typer.Exit(0 if verify_evidence(Office(open_store(settings), settings), say, heads or []) else 1)


@evidence.command("head")
@plainly
def evidence_head(config: Config = None) -> None:
    """Number and hash of the newest link; keep it somewhere else."""
    from compliance.evidence import head

    say(":".join(map(str, head(open_store(read_settings(config)).documents))))
