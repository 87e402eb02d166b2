"""What the link says when it meets something else than a healthy Elasticsearch."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.clock import ManualClock
from core.errors import ConfigError, StoreAway
from store.elastic.link import Address, Busy, Link, Rejected
from tests.elastic.times import T0

Answer = tuple[int, dict[str, str], str]
ELASTIC = {"X-Elastic-Product": "Elasticsearch", "Content-Type": "application/vnd.elasticsearch+json;compatible-with=8"}


@contextmanager
def answering(*answers: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that gives these answers in turn, the last one for ever."""
    left = list(answers)

    class Fake(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_PUT = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def root(number: str, **version: str) -> str:
    return json.dumps({"name": "n", "version": {"number": number, **version}, "tagline": "You Know, for Search"})


def identify(url: str, **settings: Any) -> tuple[int, ...]:
    link = Link(Address(url=url, **settings))
    try:
        return link.identify()
    finally:
        link.close()


@pytest.mark.parametrize("number", ["8.14.0", "8.19.13", "9.1.2", "9.0.0-SNAPSHOT"])
def test_it_takes_elasticsearch_8_14_and_newer_and_9(number: str) -> None:
    with answering((200, ELASTIC, root(number))) as url:
        assert identify(url)[0] in {8, 9}


@pytest.mark.parametrize("number", ["7.17.29", "8.13.4", "10.0.0"])
def test_it_names_a_version_that_does_not_work(number: str) -> None:
    with answering((200, ELASTIC, root(number))) as url, pytest.raises(ConfigError, match=f"is Elasticsearch {number}; Wanglou works with 8.14"):
        identify(url)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, root("2.19.1", distribution="opensearch")), "is OpenSearch; Wanglou needs Elasticsearch 8.14 or newer"),
        (
            (406, {}, json.dumps({"error": "Content-Type header [application/vnd.elasticsearch+json] is not supported", "status": 406})),
            "it is not Elasticsearch",
        ),
        (
            (200, {"Content-Type": "text/html"}, "<html><title>Welcome to nginx!</title></html>"),
            r"answered \(200\), but it is not Elasticsearch; check host and port",
        ),
        ((404, {"Content-Type": "text/html"}, "<html>404</html>"), r"answered \(404\), but it is not Elasticsearch"),
        ((200, ELASTIC, "{}"), "tells no version"),
        ((401, ELASTIC, json.dumps({"error": {"type": "security_exception", "reason": "missing authentication"}, "status": 401})), "check store.username"),
        (
            (403, ELASTIC, json.dumps({"error": {"type": "security_exception", "reason": "action [x] is unauthorized"}, "status": 403})),
            "lacks rights .*unauthorized",
        ),
    ],
)
def test_it_says_what_is_wrong_with_what_answers(answer: Answer, words: str) -> None:
    with answering(answer) as url, pytest.raises(ConfigError, match=words):
        identify(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is empty"),
        ("http://elastic:geheim@es:9200", "must not hold a name or password"),
        ("ftp://es:9200", "is no address"),
        ("es:9200", "is no address"),
        ("http://es:port", "is no address"),
    ],
)
def test_it_refuses_an_address_that_cannot_be_used_without_repeating_the_password(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Link(Address(url=url))
    assert "geheim" not in str(caught.value)


def test_a_server_that_starts_or_is_gone_is_away_and_not_a_mistake() -> None:
    with answering((503, {"Content-Type": "text/plain"}, "starting")) as url, pytest.raises(StoreAway, match="503"):
        identify(url)
    with pytest.raises(StoreAway, match="cannot be used now"):
        identify(url)


def test_an_untrusted_certificate_tells_which_setting_helps(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "other.pem")
    with answering((200, ELASTIC, root("8.19.13")), context=context) as url:
        assert identify(url, ca_file=tmp_path / "ca.pem") == (8, 19, 13)
        with pytest.raises(ConfigError, match=r"is not trusted .* set store\.ca_file"):
            identify(url, ca_file=tmp_path / "other.pem")


def test_https_spoken_to_a_plain_port_is_explained() -> None:
    with answering((200, ELASTIC, root("8.19.13"))) as url, pytest.raises(ConfigError, match="is the port one that speaks https"):
        identify(url.replace("http:", "https:"))


def test_a_certificate_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(ConfigError, match="holds no certificate"):
        Link(Address(url="https://es:9200", ca_file=tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="cannot be read"):
        Link(Address(url="https://es:9200", ca_file=tmp_path / "absent.pem"))


def test_secrets_stand_in_no_text_of_the_link() -> None:
    address = Address(url="http://127.0.0.1:1", username="wanglou", password="geheim-1", api_key="")
    keyed = Address(url="http://127.0.0.1:1", api_key="c2NobMO8c3NlbA==")
    assert "geheim" not in repr(address) + repr(Link(address))
    assert "c2NobM" not in repr(keyed) + repr(Link(keyed))


def test_it_asks_an_absent_server_only_every_two_seconds_and_says_since_when() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
    clock = ManualClock(T0)
    link = Link(Address(url=url), clock)
    with pytest.raises(StoreAway):
        link.call("GET", "/_cluster/health")
    clock.advance(1)
    assert not link.up
    with pytest.raises(StoreAway, match="has been away since 2026-11-20"):
        link.call("GET", "/_cluster/health")
    clock.advance(1.5)
    assert link.up
    assert link.away_since == T0


def test_refusals_keep_status_and_reason_and_only_some_mean_away() -> None:
    refused = (400, ELASTIC, json.dumps({"error": {"type": "parsing_exception", "reason": "no [x] query"}, "status": 400}))
    busy = (429, ELASTIC, json.dumps({"error": {"type": "es_rejected_execution_exception", "reason": "queue full"}, "status": 429}))
    broken = (500, ELASTIC, json.dumps({"error": {"type": "io", "reason": "disk"}, "status": 500}))
    with answering(refused, busy, broken) as url:
        link = Link(Address(url=url))
        with pytest.raises(Rejected, match=r"400 parsing_exception.*no \[x\] query"):
            link.call("GET", "/a/_search")
        with pytest.raises(Busy):
            link.call("GET", "/a/_search")
        assert link.away_since is None
        with pytest.raises(StoreAway, match="500"):
            link.call("GET", "/a/_search")
        assert link.away_since is not None
        link.close()


def test_looking_notices_servers_that_went_and_came_back_and_never_raises() -> None:
    broken = (500, ELASTIC, json.dumps({"error": {"type": "io", "reason": "disk"}, "status": 500}))
    clock = ManualClock(T0)
    with answering(broken, broken, (200, ELASTIC, root("8.19.13"))) as url:
        link = Link(Address(url=url), clock)
        for _ in range(2):
            link.look()  # the second time is too early: nothing is asked
        for _ in range(2):
            assert link.away_since == T0
            clock.advance(2)
            link.look()
        assert link.away_since is None
        link.close()
