"""Ansible playbooks by the real program on a real OpenSSH server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import BadReply, ConfigError, HostKeyChanged, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from playbooks.capabilities import capability
from service.reaching import ServiceReach
from tests.peers.program import free_port, program
from tests.peers.sshd import Sshd, new_key, sshd
from tests.playbooks.acting import Hand, Vault
from tests.playbooks.payloads import CANARY, PAYLOADS

BOOK = """- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: "{{ text }}\\n", dest: "{{ place }}", mode: "0600"}
"""
BROKEN = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: 'false'\n"
SLOW = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: sleep 60\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    program("ansible-playbook")
    with sshd(tmp_path_factory.mktemp("sshd")) as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site" / "ansible").mkdir(parents=True)
    for name, text in (("place.yml", BOOK), ("broken.yml", BROKEN), ("slow.yml", SLOW)):
        (tmp_path / "site" / "ansible" / name).write_text(text, encoding="utf-8")
    return tmp_path / "site"


def asset(server: Sshd, **ssh: Any) -> Asset:
    body: dict[str, Any] = {
        "id": "host",
        "address": "127.0.0.1",
        "collect": {"ssh": {"port": server.port, "host_key": server.host_key, **ssh}},
        "credentials": {"act": "ops"},
    }
    body["facts"] = {"python": "/usr/bin/python3"}
    return Asset.model_validate(body)


def run(server: Sshd, site: Path, file: str, *, target: Asset | None = None, secret: Secret | None = None, seconds: float = 120, **variables: Any) -> Hand:
    digest = sha256((site / "ansible" / file).read_bytes()).hexdigest()
    on = target or asset(server)
    reach = ServiceReach(Vault(ops=secret or server.secret), on, seconds, site)
    return Hand("ansible.run", on, reach, file=file, sha256=digest, variables=variables)


@pytest.mark.peer
@pytest.mark.slow
def test_a_playbook_is_run_and_a_second_time_there_is_nothing_to_do(server: Sshd, site: Path, tmp_path: Path) -> None:
    place = tmp_path / "placed"
    hand = run(server, site, "place.yml", text="hello there", place=str(place))
    assert hand.verify().holds is False
    assert not place.exists(), "check mode changes nothing"
    assert hand.do().values == {"ok": 1, "changed": 1, "unreachable": 0, "failed": 0}
    assert place.read_text(encoding="utf-8") == "hello there\n"
    assert hand.verify().holds is True


@pytest.mark.peer
@pytest.mark.slow
def test_what_goes_wrong_is_told_apart(server: Sshd, site: Path, tmp_path: Path) -> None:
    with pytest.raises(BadReply, match="status 2"):
        run(server, site, "broken.yml").do()
    with pytest.raises(Unreachable, match="did not end within"):
        run(server, site, "slow.yml", seconds=6).do()
    away = asset(server, port=free_port())
    with pytest.raises(Unreachable):
        run(server, site, "broken.yml", target=away).do()
    new_key(tmp_path / "other")
    other = asset(server, host_key=(tmp_path / "other.pub").read_text(encoding="ascii").strip())
    with pytest.raises(HostKeyChanged, match="not the approved one"):
        run(server, site, "broken.yml", target=other).do()


@pytest.mark.peer
@pytest.mark.slow
def test_a_file_that_changed_since_it_was_approved_is_not_run(server: Sshd, site: Path, tmp_path: Path) -> None:
    hand = run(server, site, "place.yml", text="a", place=str(tmp_path / "never"))
    (site / "ansible" / "place.yml").write_text(BOOK + "# more\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not the file that was approved"):
        hand.do()
    assert not (tmp_path / "never").exists()
    with pytest.raises(ConfigError, match="without passphrase"):
        run(server, site, "place.yml", secret=replace(server.secret, key="", password="x"), text="a", place="/x").do()


@pytest.mark.parametrize("payload", [*PAYLOADS, "{{ lookup('pipe', 'id') }}", "{% raw %}", "../x.yml", "-e@/etc/passwd"])
def test_no_payload_is_a_file_a_name_or_a_template(payload: str) -> None:
    options = capability("ansible.run").Options
    good: dict[str, Any] = {"file": "a.yml", "sha256": "0" * 64}
    for wrong in ({"file": payload}, {"sha256": payload}, {"variables": {payload: "x"}}, {"variables": {"ansible_connection": "local"}}):
        with pytest.raises(ValidationError):
            options.model_validate({**good, **wrong})
    try:
        taken = options.model_validate({**good, "variables": {"a": payload}})
    except ValidationError:
        return
    assert not set("{}%$`;|&<>'\"\\\n") & set(taken.variables["a"])
    assert CANARY not in taken.variables["a"]


def test_a_plan_shows_the_call_and_the_digest() -> None:
    made = capability("ansible.run")
    options = made.Options.model_validate({"file": "harden.yml", "sha256": "a" * 64, "variables": {"level": 3, "strict": True}})
    target = Asset(id="host", address="10.1.2.3", facts={"act_sudo": "yes"})
    said = f"""ansible-playbook --limit 10.1.2.3 --become --extra-vars '{{"level": 3, "strict": true}}' harden.yml  # sha256 {"a" * 64}"""
    assert made.plan(options, target).commands == (said,)
    with pytest.raises(ConfigError, match="address"):
        made.plan(options, Asset(id="host", address="-oProxyCommand=x"))
