"""Shared by all tests: the roll of real programs that were spoken to, printed at the end."""

import os
import tempfile
from pathlib import Path

import pytest

_ROLL = "WANGLOU_PEER_ROLL"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and _ROLL not in os.environ:
        handle, path = tempfile.mkstemp(prefix="wanglou-peers-")
        os.close(handle)
        os.environ[_ROLL] = path


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A peer test that passed names the peer by its module: the roll is of tests that really ran."""
    if report.when == "call" and report.passed and "peer" in report.keywords:
        with Path(os.environ[_ROLL]).open("a", encoding="utf-8") as roll:
            roll.write(f"{Path(report.fspath).stem.removeprefix('test_')}\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    path = Path(os.environ.get(_ROLL, "/nonexistent"))
    if path.exists() and (names := sorted(set(path.read_text(encoding="utf-8").split("\n")) - {""})):
        terminalreporter.write_line("real peers spoken to: " + ", ".join(names))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        Path(os.environ.pop(_ROLL, "/nonexistent")).unlink(missing_ok=True)
