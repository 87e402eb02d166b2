"""What exists is documented: settings, commands, collectors, detectors, rules and checks."""

from pathlib import Path
from typing import Any

import pytest
import typer

from collectors import COLLECTORS
from core.settings import describe
from detectors import DETECTORS
from detectors.library import default_rules
from service.cli import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("key", [key for key, _, _ in describe()])
def test_every_setting_is_documented(key: str) -> None:
    assert f"`{key}`" in page("settings.md")


def commands(group: Any, prefix: str = "") -> list[str]:
    inner = getattr(group, "commands", None)
    if inner is None:
        return [prefix.strip()]
    return [line for name, command in inner.items() for line in commands(command, f"{prefix} {name}")]


@pytest.mark.parametrize("command", commands(typer.main.get_command(app)))
def test_every_command_is_documented(command: str) -> None:
    assert f"wanglou {command}" in page("commands.md")


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_every_collector_is_documented(name: str) -> None:
    assert f"`{name}`" in page("collectors.md")


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_is_documented(name: str) -> None:
    assert f"`{name}`" in page("detectors.md")


@pytest.mark.parametrize("rule", [str(rule["id"]) for rule in default_rules()])
def test_every_default_rule_is_documented(rule: str) -> None:
    assert f"`{rule}`" in page("detectors.md")


@pytest.mark.parametrize("path", sorted((ROOT / "compliance" / "checks").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_check_file_is_documented(path: Path) -> None:
    from core.files import read_yaml

    data = read_yaml(path).data
    checks = data["checks"] if isinstance(data, dict) and "checks" in data else [data]
    missing = [check["id"] for check in checks if f"`{check['id']}`" not in page("compliance.md")]
    assert missing == []


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"))
def test_every_folder_has_a_page_and_a_line_in_both_readmes(folder: str) -> None:
    assert (DOCS / f"{folder}.md").exists()
    for readme in ("README.md", "README.zh.md"):
        assert f"`{folder}/`" in (ROOT / readme).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "README.zh.md"]), ids=lambda path: path.stem)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    import re

    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
