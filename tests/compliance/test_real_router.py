"""Network checks on a real FRR router: as it comes, and hardened by what the checks advise."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance.evaluate import evaluate
from compliance.load import load_checks
from compliance.verdict import Outcome
from core.records import Snapshot
from inventory.asset import Asset
from tests.collectors.network.test_frr import enter
from tests.collectors.support import NOW, collector, poll
from tests.peers.frr import frr
from tests.peers.sshd import Sshd

ASSET = Asset(id="r1", kind="router", address="127.0.0.1", credentials={"cli": "ops"})
CHECKS = {check.id: check for check in load_checks().checks.values() if "frr" in check.platforms}


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Sshd]:
    with frr(tmp_path) as found:
        yield found


def verdicts(router: Sshd) -> dict[str, Outcome]:
    polled = poll(collector("cli", {"platform": "cisco_ios", "port": router.port, "host_key": router.host_key}, ops=router.secret), ASSET, NOW)
    assert polled.error is None
    texts = [record for record in polled.records if isinstance(record, Snapshot)]
    return {name: evaluate(check, "r1", texts, NOW).outcome for name, check in CHECKS.items()}


@pytest.mark.peer
def test_a_router_fails_as_it_comes_and_passes_once_it_is_hardened(router: Sshd) -> None:
    before = verdicts(router)
    assert {name for name, outcome in before.items() if outcome is Outcome.FAIL} == {"net-log-host", "net-password-storage", "net-source"}
    enter(
        router,
        "configure terminal",
        "service password-encryption",
        "log syslog informational",
        "access-list MGMT seq 5 permit 127.0.0.0/8",
        "access-list MGMT seq 10 deny any",
        "line vty",
        "access-class MGMT",
        "exec-timeout 10 0",
        "end",
    )
    assert set(verdicts(router).values()) == {Outcome.PASS}
