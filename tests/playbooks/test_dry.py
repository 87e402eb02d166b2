"""A plan touches nothing: no connection is opened, no program started, no file written, over every shipped playbook."""

import builtins
import socket
import subprocess
from typing import Any

import pytest

from inventory.graph import build_graph
from playbooks.capabilities import capability
from playbooks.plan import Surroundings, make_plan
from tests.playbooks.test_library import CATALOGUE, INPUTS, shelf


def touched(*_args: Any, **_kwargs: Any) -> Any:
    raise AssertionError("a plan touched the world")


@pytest.mark.parametrize("name", sorted(CATALOGUE.playbooks))
def test_a_plan_touches_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings(build_graph(shelf()), capability, CATALOGUE.playbooks)
    make_plan(CATALOGUE.playbooks[name], INPUTS[name], around)  # modules and tables are read once
    really = builtins.open

    def reading(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return touched() if set(mode) & set("wax+") else really(file, mode, *args, **kwargs)

    for owner, what in ((socket, "socket"), (socket, "create_connection"), (socket, "getaddrinfo"), (subprocess, "Popen")):
        monkeypatch.setattr(owner, what, touched)
    monkeypatch.setattr(builtins, "open", reading)
    plan = make_plan(CATALOGUE.playbooks[name], INPUTS[name], around)
    assert len(plan.hash) == 64
    assert all(part.commands for stage in plan.stages for part in stage.parts)
