"""The DNS probe against a real BIND 9, and against one that never answers."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Unreachable
from tests.collectors.support import collector, poll
from tests.peers.bind9 import bind9


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with bind9(Path(tmp_path_factory.mktemp("bind"))) as port:
        yield port


@pytest.mark.peer
@pytest.mark.parametrize("tcp", [False, True])
def test_a_name_is_resolved_and_its_values_are_checked(server: int, tcp: bool) -> None:
    polled = poll(collector("dns", {"name": "www.bureau.example", "port": server, "tcp": tcp, "expect": ["192.0.2.80"]}))
    assert polled.error is None
    assert (polled.value("probe.up"), polled.value("dns.response_code")) == (1.0, 0.0)
    assert polled.value("probe.duration") < 1


@pytest.mark.peer
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"name": "www.bureau.example", "expect": ["198.51.100.1"]}, "198.51.100.1 is not in the answer (192.0.2.80, 192.0.2.81)"),
        ({"name": "nowhere.bureau.example"}, "answered NXDOMAIN"),
        ({"name": "www.bureau.example", "type": "TXT"}, "no TXT record"),
        ({"name": "example.org"}, "answered REFUSED"),
    ],
)
def test_a_wrong_answer_is_unwell_but_an_answer(server: int, options: dict[str, object], fault: str) -> None:
    polled = poll(collector("dns", {**options, "port": server}))
    assert polled.error is None
    assert polled.value("probe.up") == 0.0
    assert polled.events()[0].fields["error.message"] == fault


def test_a_server_that_never_answers_is_unreachable_in_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        begun = time.monotonic()
        polled = poll(collector("dns", {"name": "x.example", "port": mute.getsockname()[1], "timeout_s": 0.3}))
    assert isinstance(polled.error, Unreachable)
    assert time.monotonic() - begun < 2
