"""Who may import whom: the table of the design, read from the imports in the code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EVERYTHING = {"core", "store", "inventory", "collectors", "detectors", "compliance", "incidents", "playbooks", "service", "console", "simulator", "bench"}
MAY = {
    "core": set(),
    "store": {"core"},
    "detectors": {"core"},
    "inventory": {"core", "store"},
    "collectors": {"core", "inventory"},
    "compliance": {"core", "store", "inventory"},
    "playbooks": {"core", "store", "inventory"},
    "incidents": {"core", "store", "inventory"},
    "service": EVERYTHING - {"console", "simulator", "bench"},
    "console": {"core", "store", "inventory", "incidents", "compliance", "playbooks"},
    "simulator": {"core", "inventory", "store", "compliance", "service"},  # its people work by the product's own actions
    "bench": EVERYTHING,
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module


@pytest.mark.parametrize("package", sorted(MAY))
def test_a_package_imports_only_what_the_design_allows(package: str) -> None:
    allowed = MAY[package] | {package}
    breaches = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imports(path)
        if name.split(".")[0] in EVERYTHING - allowed
    ]
    assert breaches == []


def test_the_table_names_every_package_there_is() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(MAY)


def test_nothing_in_the_console_folder_hides_a_package() -> None:
    names = {path.stem for path in (ROOT / "console").iterdir()} - {"__init__", "__pycache__"}
    assert names.isdisjoint(EVERYTHING)


FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "joblib"}


def test_no_code_is_read_from_disk() -> None:
    breaches = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in MAY
        for path in (ROOT / package).rglob("*.py")
        for line, name in imports(path)
        if name.split(".")[0] in FORBIDDEN
    ]
    assert breaches == []
