"""The Prometheus collector against a real node exporter, and against pages that are none."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import AuthRefused, BadReply, Unreachable
from tests.collectors.apps.test_http import answering
from tests.collectors.support import collector, poll, serving, trickle
from tests.peers.node_exporter import node_exporter

TEXT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with node_exporter(Path(tmp_path_factory.mktemp("node"))) as url:
        yield url


@pytest.mark.peer
def test_a_machine_is_seen_under_our_own_names(page: str) -> None:
    subject = collector("prometheus", {"url": page, "include": ["process_*", "go_goroutines", "promhttp_metric_handler_requests"]})
    poll(subject)
    time.sleep(0.5)
    polled = poll(subject)
    assert polled.error is None
    assert 0 <= polled.value("system.cpu.utilization") <= 100
    assert 0 < polled.value("system.memory.utilization") < 100
    assert 0 < polled.value("system.filesystem.utilization", mountpoint="/") <= 100
    assert polled.value("system.uptime") > 0
    assert polled.value("go_goroutines") >= 1
    assert polled.value("process_cpu_seconds.rate") >= 0
    assert polled.value("promhttp_metric_handler_requests.rate", code="200") > 0


@pytest.mark.parametrize(("head", "body"), [(TEXT, b"# TYPE a gauge\na 1.5\n"), (OPEN, b"# TYPE a gauge\na 1.5\n# EOF\n")], ids=["text", "openmetrics"])
def test_both_forms_are_read(head: bytes, body: bytes) -> None:
    with serving(answering(head + body)) as port:
        assert poll(collector("prometheus", {"url": f"http://127.0.0.1:{port}/", "include": ["*"]})).value("a") == 1.5


def test_numbers_that_are_none_and_series_above_the_limit_are_left_out() -> None:
    body = b"# TYPE a gauge\n" + b"".join(b'a{n="%d"} %s\n' % (number, b"NaN" if number % 2 else b"1") for number in range(100))
    with serving(answering(TEXT + body)) as port:
        polled = poll(collector("prometheus", {"url": f"http://127.0.0.1:{port}/", "include": ["a"], "max_series": 10}))
    assert len(polled.values("a")) == 5


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (TEXT + b"<html>not { metrics</html>\n", BadReply),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", BadReply),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", AuthRefused),
        (TEXT + b"a" * 4096, BadReply),
    ],
    ids=["html", "500", "401", "too large"],
)
def test_what_is_no_page_of_metrics_is_told(raw: bytes, error: type[Exception]) -> None:
    with serving(answering(raw)) as port:
        polled = poll(collector("prometheus", {"url": f"http://127.0.0.1:{port}/", "max_bytes": 2048}))
    assert type(polled.error) is error


def test_a_page_that_trickles_ends_at_the_deadline() -> None:
    with serving(trickle(TEXT)) as port:
        begun = time.monotonic()
        polled = poll(collector("prometheus", {"url": f"http://127.0.0.1:{port}/", "timeout_s": 0.5}))
    assert isinstance(polled.error, Unreachable)
    assert time.monotonic() - begun < 2
