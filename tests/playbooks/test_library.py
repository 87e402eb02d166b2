"""The shipped library: every playbook is valid, plans, and does on real targets what it says; people's steps are filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from core.clock import ManualClock
from core.errors import ConfigError
from inventory.asset import Asset
from playbooks.capabilities import CAPABILITIES
from playbooks.form import walk
from playbooks.load import LIBRARY, load_catalogue
from store.base import Store
from tests.peers.frr import frr
from tests.peers.machine import Machine, machine
from tests.peers.postgres import Postgres, postgres
from tests.peers.program import free_port, until
from tests.peers.sshd import Sshd
from tests.playbooks.acting import Shop, Vault
from tests.playbooks.payloads import CANARY, PAYLOADS
from tests.playbooks.test_services import Inbox

pytestmark = pytest.mark.slow

CATALOGUE = load_catalogue((LIBRARY,))
LINE = "ip prefix-list lab seq 5 permit 198.51.100.0/24"
INPUTS: dict[str, dict[str, Any]] = {
    "block-brute-force-source": {"source": "203.0.113.9", "hosts": ["host"], "hours": 1},
    "block-source": {"source": "203.0.113.9", "keepers": ["host"], "list": "/etc/blocklist", "hours": 1},
    "certificate-renewal": {"hosts": ["host"], "path": "/etc/ssl/site.pem", "service": "demo"},
    "change-request": {"subject": "new firewall rule", "system": ["host"]},
    "collect-evidence": {"hosts": ["host"]},
    "config-backup": {"devices": ["r1"]},
    "config-restore": {"device": "r1", "lines": [LINE], "back": [f"no {LINE}"], "expect": LINE},
    "cooling-failure": {"hosts": ["host"]},
    "database-connections": {"database": "host", "user": "app"},
    "disk-cleanup": {"hosts": ["host"], "folder": "/var/log/app"},
    "duty-handover": {"shift": "night of Monday"},
    "exception-approval": {"requirement": "lnx-ssh-root", "asset": "host"},
    "host-inspection": {"hosts": ["host"]},
    "investigate-logins": {"hosts": ["host"], "account": "root"},
    "lock-account": {"account": "outsider", "hosts": ["host"]},
    "log-rotation": {"hosts": ["host"], "config": "demo"},
    "open-ticket": {"system": "itsm", "reference": "I000001", "subject": "磁盘满", "text": "web-1"},
    "outsourced-access": {"account": "outsider", "hosts": ["host"]},
    "power-loss-shutdown": {"first": ["host"], "last": ["host"]},
    "quarantine-port": {"switch": "sw", "port": "GigabitEthernet0/0/7"},
    "remedy-linux-check": {"check": "lnx-pwd-age", "hosts": ["host"]},
    "report-to-vendor": {"server": "mx", "to": "help@vendor.example", "subject": "空调停机", "text": "请速派人"},
    "restore-drill": {"system": "office automation"},
    "restore-drill-database": {"database": "host", "backup": "/srv/app.dump"},
    "run-ansible": {"hosts": ["host"], "file": "harden.yml", "sha256": "a" * 64},
    "service-restart": {"hosts": ["host"], "service": "demo"},
    "shut-down-hosts": {"hosts": ["host"], "minutes": 5},
    "shut-port": {"device": "r1", "port": "swp7"},
    "time-sync-repair": {"hosts": ["host"], "service": "demo"},
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as found:
        yield found


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with frr(tmp_path_factory.mktemp("frr")) as found:
        yield found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("postgres")) as found:
        yield found


def test_every_file_is_a_playbook_and_the_library_is_whole() -> None:
    assert CATALOGUE.problems == ()
    assert set(INPUTS) == set(CATALOGUE.playbooks)
    assert len(CATALOGUE.playbooks) >= 20
    assert all(path.stem == name for name, path in CATALOGUE.paths.items())


def test_every_capability_and_playbook_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "playbook-library.md").read_text(encoding="utf-8")
    assert [name for name in (*CAPABILITIES, *CATALOGUE.playbooks) if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_texts_are_in_both_languages(name: str) -> None:
    playbook = CATALOGUE.playbooks[name]
    texts = [playbook.title, playbook.about, *(one.title for one in playbook.inputs.values())]
    for step, _where in walk(playbook.steps):
        texts += [form.text for form in (step.ask, step.assign, step.notify) if form]
        texts += [field.title for form in (step.ask, step.assign) if form for field in form.form.values()]
    for text in texts:
        assert text is not None
        assert any("\u4e00" <= letter <= "\u9fff" for letter in text.zh)
        assert text.en.isascii()


def shelf() -> list[Asset]:
    cli = {"platform": "huawei"}
    return [
        Asset(id="host", address="127.0.0.1", facts={"database": "postgresql"}),
        Asset.model_validate({"id": "r1", "address": "127.0.0.1", "facts": {"platform": "frr"}}),
        Asset.model_validate({"id": "sw", "address": "127.0.0.1", "collect": {"cli": cli}}),
        Asset(id="mx", address="127.0.0.1"),
        Asset(id="itsm", address="127.0.0.1", facts={"ticket_form": "redmine"}),
    ]


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_every_playbook_plans_the_same_thing_twice(store: Store, name: str) -> None:
    shop = Shop(store, shelf(), Vault())
    plan = shop.plan(name, **INPUTS[name])
    assert plan.refusals == ()
    assert plan.hash == shop.plan(name, **INPUTS[name]).hash
    assert all(part.commands for stage in plan.stages for part in stage.parts)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_no_payload_in_an_input_becomes_part_of_a_command(store: Store, name: str) -> None:
    shop = Shop(store, shelf(), Vault())
    clean = shop.plan(name, **INPUTS[name])
    for field, form in CATALOGUE.playbooks[name].inputs.items():
        for payload in PAYLOADS:
            try:
                plan = shop.plan(name, **{**INPUTS[name], field: [payload] if form.many else payload})
            except ConfigError:
                continue
            if name in ("open-ticket", "report-to-vendor") or (name, field) in {
                ("config-restore", "lines"),
                ("config-restore", "back"),
                ("config-restore", "expect"),
            }:
                continue  # words of a mail or ticket, lines of a device: no commands of a machine; see test_services, test_tickets, test_devices
            commands = json.dumps([part.commands for stage in plan.stages for part in stage.parts])
            assert CANARY not in commands
            assert len(plan.stages) == len(clean.stages)


@pytest.fixture
def shop(store: Store, host: Machine, router: Sshd, clock: ManualClock) -> Shop:
    cli = {"platform": "cisco_ios", "port": router.port, "host_key": router.host_key}
    assets = [
        host.asset(importance="low"),
        Asset.model_validate({"id": "r1", "address": "127.0.0.1", "facts": {"platform": "frr"}, "collect": {"cli": cli}, "credentials": {"cli": "ops"}}),
    ]
    return Shop(store, assets, Vault(host=host.secret, ops=router.secret), clock)


def ran(shop: Shop, name: str, answers: dict[str, dict[str, Any]] | None = None) -> str:
    """Run to its end; returns the run's id."""
    run = shop.begin(name, **INPUTS[name])
    assert shop.finish(run, answers) == "done", shop.errors(run)
    return run


@pytest.mark.peer
def test_disk_cleanup(shop: Shop, host: Machine) -> None:
    host.inside("sh", "-c", "mkdir -p /var/log/app; echo x > /var/log/app/a.gz; touch -d '40 days ago' /var/log/app/a.gz; touch /var/log/app/new.gz")
    run = ran(shop, "disk-cleanup")
    assert shop.values(run, "clean", "host") == {"files": 1, "bytes": 2}
    assert host.inside("ls", "/var/log/app").split() == ["new.gz"]


@pytest.mark.peer
@pytest.mark.parametrize("name", ["service-restart", "time-sync-repair"])
def test_services_run_again(shop: Shop, host: Machine, name: str) -> None:
    ran(shop, name)
    assert host.inside("sh", "-c", "kill -0 $(cat /run/demo.pid) && echo runs") == "runs\n"


@pytest.mark.peer
def test_a_service_that_does_not_start_fails_the_run(shop: Shop, host: Machine) -> None:
    host.inside("touch", "/etc/demo.broken")
    try:
        run = shop.begin("service-restart", **INPUTS["service-restart"])
        assert shop.finish(run) == "failed"
    finally:
        host.inside("rm", "/etc/demo.broken")


@pytest.mark.peer
def test_log_rotation(shop: Shop, host: Machine) -> None:
    host.inside("sh", "-c", "echo line > /var/log/demo.log; printf '/var/log/demo.log {\\n rotate 2\\n}\\n' > /etc/logrotate.d/demo")
    ran(shop, "log-rotation")
    assert host.inside("cat", "/var/log/demo.log.1") == "line\n"


@pytest.mark.peer
def test_certificate_renewal(shop: Shop, host: Machine) -> None:
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=site.example -keyout /run/k.pem -out /etc/ssl/site.pem"
    host.inside("sh", "-c", make)
    run = ran(shop, "certificate-renewal")
    assert "site.example" in shop.said(run, "now", "host")


@pytest.mark.peer
def test_configurations_are_kept_and_lines_restored(shop: Shop) -> None:
    run = ran(shop, "config-backup")
    assert "prefix-list office" in shop.said(run, "read", "r1")
    assert "zebra-secret" not in shop.said(run, "read", "r1")
    run = ran(shop, "config-restore")
    assert LINE in shop.said(run, "after", "r1")
    shop.requests.take_back(run, shop.who)
    until(lambda: shop.ticked() and LINE not in shop.look("r1", "device.backup"), "the lines are taken back", 60)


@pytest.mark.peer
def test_a_port_is_shut_and_taken_back(shop: Shop) -> None:
    run = ran(shop, "shut-port")
    assert "interface swp7\n shutdown" in shop.look("r1", "device.backup")
    shop.requests.take_back(run, shop.who)
    until(lambda: shop.ticked() and "interface swp7\n shutdown" not in shop.look("r1", "device.backup"), "the port is open", 60)


@pytest.mark.peer
def test_a_source_is_blocked_and_let_in_when_the_time_is_over(shop: Shop, host: Machine, clock: ManualClock) -> None:
    run = ran(shop, "block-brute-force-source")
    assert "203.0.113.9" in host.inside("nft", "list", "set", "inet", "wanglou", "blocked4")
    clock.advance(3700)
    until(lambda: shop.ticked() and "203.0.113.9" not in host.inside("nft", "list", "set", "inet", "wanglou", "blocked4"), "the undo", 60)
    assert shop.errors(run)[-1] == ""


@pytest.mark.peer
def test_a_source_on_the_block_list(shop: Shop, host: Machine) -> None:
    host.inside("touch", "/etc/blocklist")
    ran(shop, "block-source")
    assert host.inside("cat", "/etc/blocklist") == "203.0.113.9\n"


@pytest.mark.peer
@pytest.mark.parametrize("name", ["lock-account", "outsourced-access"])
def test_an_account_is_locked(shop: Shop, host: Machine, name: str) -> None:
    host.inside("sh", "-c", "userdel outsider 2>/dev/null; useradd -M outsider && echo outsider:Long-enough-1 | chpasswd")
    ran(shop, name)
    assert host.inside("getent", "shadow", "outsider").split(":")[1].startswith("!")


@pytest.mark.peer
def test_a_check_is_remedied(shop: Shop, host: Machine) -> None:
    ran(shop, "remedy-linux-check")
    assert "PASS_MAX_DAYS 90\n" in (host.root / "etc/login.defs").read_text()


@pytest.mark.peer
@pytest.mark.parametrize(("name", "answers"), [("shut-down-hosts", {}), ("power-loss-shutdown", {}), ("cooling-failure", {"look": {"decision": "shut-down"}})])
def test_hosts_are_shut_down(shop: Shop, host: Machine, name: str, answers: dict[str, dict[str, Any]]) -> None:
    host.inside("rm", "-f", "/run/systemd/shutdown/scheduled")
    ran(shop, name, answers)
    assert host.inside("cat", "/run/systemd/shutdown/scheduled").startswith("+")


@pytest.mark.peer
def test_cooling_that_is_kept_shuts_nothing_down(shop: Shop, host: Machine) -> None:
    host.inside("rm", "-f", "/run/systemd/shutdown/scheduled")
    ran(shop, "cooling-failure", {"look": {"decision": "keep"}})
    assert not host.inside("sh", "-c", "ls /run/systemd/shutdown")


@pytest.mark.peer
def test_idle_connections_are_ended(shop: Shop, host: Machine, database: Postgres) -> None:
    shop.assets[0] = host.asset(facts=database.facts, importance="low")
    run = ran(shop, "database-connections")
    assert "100|" in shop.said(run, "limit", "host")


@pytest.mark.peer
def test_a_backup_is_really_restored_counted_and_dropped(shop: Shop, host: Machine, database: Postgres) -> None:
    shop.assets[0] = host.asset(facts=database.facts, importance="low")
    at = ["-h", database.socket, "-p", str(database.port), "-U", "postgres"]
    host.inside("psql", "-q", *at, "-d", "postgres", "-c", "CREATE TABLE permits AS SELECT g AS id FROM generate_series(1, 1234) g")
    host.inside("pg_dump", "--format=custom", *at, "-f", "/srv/app.dump", "postgres")
    run = ran(shop, "restore-drill-database")
    assert {key: shop.values(run, "restore", "host")[key] for key in ("tables", "rows")} == {"tables": 1, "rows": 1234}
    assert "1 tables with 1234 rows" in shop.told[0][1] + str(shop.told)
    assert "wanglou_drill" not in host.inside("psql", "-At", *at, "-d", "postgres", "-c", "SELECT datname FROM pg_database")
    host.inside("sh", "-c", "head -c 700 /srv/app.dump > /srv/half.dump")
    half = shop.begin("restore-drill-database", database="host", backup="/srv/half.dump")
    assert shop.finish(half) in ("failed", "undone")
    assert "pg_restore" in " ".join(shop.errors(half))
    assert "wanglou_drill" not in host.inside("psql", "-At", *at, "-d", "postgres", "-c", "SELECT datname FROM pg_database")


@pytest.mark.peer
@pytest.mark.parametrize("name", ["collect-evidence", "investigate-logins", "host-inspection"])
def test_looking_changes_nothing_and_is_kept(shop: Shop, name: str) -> None:
    run = ran(shop, name, {"conclude": {"verdict": "harmless"}})
    assert any("Linux" in shop.said(run, step, "host") or shop.said(run, step, "host") for step in shop.steps(run, "host"))


WORKFLOWS = {"restore-drill": {}, "duty-handover": {}, "change-request": {"carry_out": {"result": "done"}}, "exception-approval": {}}


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_workflows_of_people_come_to_their_end(store: Store, clock: ManualClock, name: str) -> None:
    ran(Shop(store, shelf(), Vault(), clock), name, WORKFLOWS[name])


def test_a_vendor_gets_a_mail(store: Store, clock: ManualClock) -> None:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        facts = {"smtp_port": str(port), "smtp_tls": "none", "smtp_from": "duty@bureau.example"}
        ran(Shop(store, [Asset(id="mx", address="127.0.0.1", facts=facts, importance="low")], Vault(), clock), "report-to-vendor")
    finally:
        controller.stop()
    assert [mail.rcpt_tos for mail in inbox.mails] == [["help@vendor.example"]]


def test_nothing_ran_a_payload() -> None:
    assert not Path(CANARY).exists()
