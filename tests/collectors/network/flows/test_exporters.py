"""Real exporters: softflowd and pmacct read a capture file and report what is in it."""

from __future__ import annotations

import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from collectors.network.flows.decoder import Decoder, Exporter
from collectors.network.flows.flow import Flow, text_of
from tests.collectors.network.flows.pcap import write
from tests.peers.program import program, running, until

WEB, BACK = ("10.1.0.5", "10.2.0.9", 6, 40000, 443, 1000), ("10.2.0.9", "10.1.0.5", 6, 443, 40000, 500)
NAME = ("2001:db8::1", "2001:db8::2", 17, 5000, 53, 100)
IPV4 = {("10.1.0.5", "10.2.0.9", 443): (10_400, 10), ("10.2.0.9", "10.1.0.5", 40000): (5_400, 10)}
ALL = {**IPV4, ("2001:db8::1", "2001:db8::2", 53): (740, 5)}


class Inbox:
    """A port with a decoder behind it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self.decoder = Decoder()
        self.flows: list[Flow] = []

    @property
    def port(self) -> int:
        return int(self._link.getsockname()[1])

    @property
    def exporter(self) -> Exporter:
        (found,) = self.decoder.exporters.values()
        return found

    def look(self) -> None:
        while True:
            try:
                data, (address, port) = self._link.recvfrom(65535)
            except BlockingIOError:
                return
            if found := self.decoder.read(data, address, port):
                self.flows += found[1]

    def sums(self) -> dict[tuple[str, str, int], tuple[int, int]]:
        self.look()
        size, packets = Counter[tuple[str, str, int]](), Counter[tuple[str, str, int]]()
        for flow in self.flows:
            key = (text_of(flow.source), text_of(flow.destination), flow.destination_port)
            size[key] += flow.bytes
            packets[key] += flow.packets
        return {key: (size[key], packets[key]) for key in size}


@contextmanager
def inbox() -> Iterator[Inbox]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as link:
        link.bind(("127.0.0.1", 0))
        link.setblocking(False)
        yield Inbox(link)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "traffic.pcap"
    write(path, [WEB] * 10 + [BACK] * 10 + [NAME] * 5)
    return path


@pytest.mark.peer
@pytest.mark.parametrize(("version", "expected", "protocol"), [("5", IPV4, "NetFlow 5"), ("9", ALL, "NetFlow 9"), ("10", ALL, "IPFIX")])
def test_softflowd_reports_what_was_captured(capture: Path, version: str, expected: dict[tuple[str, str, int], tuple[int, int]], protocol: str) -> None:
    with inbox() as box:
        arguments = [program("softflowd"), "-r", str(capture), "-n", f"127.0.0.1:{box.port}", "-v", version, "-d"]
        subprocess.run(arguments, check=True, capture_output=True, timeout=60)
        until(lambda: box.sums() == expected, "all flows", 30)
        assert box.exporter.protocol == protocol
        tally = box.exporter.tally
        assert (tally.bad, tally.unknown, tally.lost) == (0, 0, 0)


@contextmanager
def pmacct(folder: Path, capture: Path, lines: str) -> Iterator[None]:
    (folder / "pmacctd.conf").write_text(f"daemonize: false\npcap_savefile: {capture}\n{lines}", encoding="utf-8")
    log = folder / "pmacctd.log"
    with running([program("pmacctd"), "-f", str(folder / "pmacctd.conf")], lambda: b"Exporting flows" in log.read_bytes(), log):
        yield


@pytest.mark.peer
def test_pmacct_reports_ipfix(capture: Path, tmp_path: Path) -> None:
    with inbox() as box:
        lines = (
            f"plugins: nfprobe[a]\nnfprobe_receiver[a]: 127.0.0.1:{box.port}\nnfprobe_version[a]: 10\naggregate[a]: src_host,dst_host,src_port,dst_port,proto\n"
        )
        with pmacct(tmp_path, capture, lines):
            until(lambda: box.sums() == ALL, "all flows", 30)
        assert box.exporter.protocol == "IPFIX"
        assert box.exporter.tally.bad == 0


@pytest.mark.peer
def test_pmacct_samples_by_sflow_and_the_numbers_are_multiplied(capture: Path, tmp_path: Path) -> None:
    with inbox() as box:
        lines = f"plugins: sfprobe[a]\nsfprobe_receiver[a]: 127.0.0.1:{box.port}\nsampling_rate: 5\nsfprobe_agentip: 192.0.2.7\n"
        with pmacct(tmp_path, capture, lines):
            until(lambda: bool(box.sums()), "samples", 30)
        assert (box.exporter.protocol, box.exporter.agent, box.exporter.rate) == ("sFlow 5", "192.0.2.7", 5)
        assert {flow.packets for flow in box.flows} == {5}
        frames = {1000: 1054, 500: 554, 100: 162}  # payload to frame: with Ethernet, IP and TCP or UDP before it
        assert {flow.bytes for flow in box.flows} <= {5 * size for size in frames.values()} | {5 * (size + 4) for size in frames.values()}
        assert box.exporter.tally.bad == 0
