from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from console.desk import Desk
from console.identity.roles import Role
from console.rescue import main, rescue
from core.clock import ManualClock
from core.errors import NotFound, Refused
from tests.console.conftest import PASSWORD, person
from tests.console.test_second_factor import enrolled

FROM = "127.0.0.1"


def test_a_locked_out_sole_administrator_comes_back_and_sets_up_a_new_second_factor(here: Desk, clock: ManualClock) -> None:
    enrolled(here, clock, "sys", Role.SYSTEM_ADMIN)
    for _ in range(here.settings.console.lock_after):
        with pytest.raises(Refused):
            here.identity.log_in("sys", "wrong", FROM, here.now())
    password = rescue(here.store, here.settings, "sys", here.now())
    assert here.identity.log_in("sys", password, FROM, here.now())
    account = here.identity.accounts.get("sys")
    assert (account.must_change, account.has_second, account.needs_second(here.settings.console)) == (True, False, True)
    (entry,) = here.store.audit.read(action="account.rescue")
    assert (entry.actor, entry.object, entry.body) == ("command line", "sys", {"second_factor": True})


def test_rescuing_an_account_that_was_held_for_want_of_use_opens_it(here: Desk, clock: ManualClock) -> None:
    person(here, "sys", Role.SYSTEM_ADMIN)
    clock.advance(200 * 86_400)
    with pytest.raises(Refused):
        here.identity.log_in("sys", PASSWORD, FROM, here.now())
    assert here.identity.log_in("sys", rescue(here.store, here.settings, "sys", here.now()), FROM, here.now())


def test_a_rescue_opens_no_closed_account_and_makes_none(here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    here.identity.accounts.disable(person(here, "sys", Role.SYSTEM_ADMIN), "alice", here.now())
    with pytest.raises(Refused):
        here.identity.log_in("alice", rescue(here.store, here.settings, "alice", here.now()), FROM, here.now())
    with pytest.raises(NotFound):
        rescue(here.store, here.settings, "nobody", here.now())
    assert [entry.object for entry in here.store.audit.read(action="account.rescue")] == ["alice"]


def test_the_command_prints_the_password_or_says_what_is_wrong(
    here: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("WANGLOU_DATA", str(tmp_path / "data"))
    person(here, "sys", Role.SYSTEM_ADMIN)
    assert main(["--", "sys"]) == 0
    password = capsys.readouterr().out.rpartition(" ")[2].strip()
    assert here.identity.log_in("sys", password, FROM, here.now())
    assert main(["--", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err


@pytest.mark.slow
def test_the_product_s_own_command_does_the_same(here: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANGLOU_DATA", str(tmp_path / "data"))
    person(here, "sys", Role.SYSTEM_ADMIN)
    done = subprocess.run([sys.executable, "-m", "service", "account", "rescue", "sys"], capture_output=True, text=True, check=True, timeout=120)
    assert here.identity.log_in("sys", done.stdout.rpartition(" ")[2].strip(), FROM, here.now())
