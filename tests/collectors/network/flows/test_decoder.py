"""The decoder: templates per exporter and domain, sampling, gaps, and datagrams that lie."""

from __future__ import annotations

import random
import struct
import time

import pytest

from collectors.network.flows.decoder import MOST_DOMAINS, MOST_EXPORTERS, Decoder, Tally
from collectors.network.flows.flow import Flow, text_of
from collectors.network.flows.templated import MOST_TEMPLATES
from tests.collectors.network.flows.pcap import frame
from tests.collectors.network.flows.wire import FLOW, a_set, fields, flow_sample, ipfix, netflow9, record, sflow, template

HOME = "192.0.2.1"


def flows(decoder: Decoder, data: bytes, address: str = HOME, port: int = 2055) -> list[Flow]:
    found = decoder.read(data, address, port)
    return found[1] if found else []


def tally(decoder: Decoder, address: str = HOME) -> Tally:
    return next(each.tally for each in decoder.exporters.values() if each.address == address)


@pytest.mark.parametrize(("version", "datagram"), [(9, netflow9), (10, ipfix)])
def test_records_are_read_by_their_template(version: int, datagram: object) -> None:
    make = netflow9 if version == 9 else ipfix
    (flow,) = flows(Decoder(), make(template(version=version), a_set(256, record())))
    assert (text_of(flow.source), text_of(flow.destination), flow.protocol, flow.destination_port, flow.bytes, flow.packets) == (
        "10.1.0.5", "10.2.0.7", 6, 443, 1000, 2,
    )  # fmt: skip


def test_data_before_its_template_is_counted_not_guessed() -> None:
    decoder = Decoder()
    assert flows(decoder, netflow9(a_set(256, record()))) == []
    assert tally(decoder).unknown == 1
    assert len(flows(decoder, netflow9(template(), a_set(256, record())))) == 1


def test_a_template_of_one_domain_or_exporter_reads_nothing_of_another() -> None:
    decoder = Decoder()
    flows(decoder, netflow9(template(), domain=1))
    assert flows(decoder, netflow9(a_set(256, record()), domain=2)) == []
    assert flows(decoder, netflow9(a_set(256, record()), domain=1), "192.0.2.2") == []
    assert len(flows(decoder, netflow9(a_set(256, record()), domain=1))) == 1


def test_a_template_that_changed_counts_from_then_on() -> None:
    decoder = Decoder()
    flows(decoder, netflow9(template()))
    shorter = ((12, 4), (8, 4), (1, 8))
    (flow,) = flows(decoder, netflow9(template(pairs=shorter), a_set(256, b"\x0a\2\0\7\x0a\1\0\5" + (77).to_bytes(8, "big"))))
    assert (text_of(flow.source), flow.bytes, flow.source_port) == ("10.1.0.5", 77, 0)


def test_ipfix_withdraws_a_template() -> None:
    decoder = Decoder()
    flows(decoder, ipfix(template(version=10)))
    flows(decoder, ipfix(a_set(2, struct.pack("!HH", 256, 0))))
    assert flows(decoder, ipfix(a_set(256, record()))) == []
    assert tally(decoder).unknown == 1


def test_ipfix_fields_of_variable_length_and_of_enterprises_are_stepped_over() -> None:
    named = struct.pack("!HH", 256, len(FLOW) + 2) + fields((96, 65535)) + struct.pack("!HHI", 0x8000 | 5, 3, 9999) + fields(*FLOW)
    body = b"\5https" + b"abc" + record() + b"\xff" + struct.pack("!H", 300) + bytes(300) + b"abc" + record(size=7)
    found = flows(Decoder(), ipfix(a_set(2, named), a_set(256, body)))
    assert [flow.bytes for flow in found] == [1000, 7]


def test_numbers_of_unusual_length_are_read() -> None:
    pairs = ((27, 16), (28, 16), (1, 3), (2, 5), (4, 1))
    address = bytes.fromhex("20010db8000000000000000000000001")
    body = address + address + (70000).to_bytes(3, "big") + (9).to_bytes(5, "big") + b"\x11"
    (flow,) = flows(Decoder(), netflow9(template(pairs=pairs), a_set(256, body)))
    assert (text_of(flow.source), flow.bytes, flow.packets, flow.protocol) == ("2001:db8::1", 70000, 9, 17)


def test_the_way_back_is_a_flow_of_its_own() -> None:
    pairs = (*FLOW[:5], (231, 4), (232, 4), (298, 4), (299, 4))
    body = record()[:13] + struct.pack("!IIII", 100, 900, 1, 9)
    there, back = flows(Decoder(), netflow9(template(pairs=pairs), a_set(256, body)))
    assert (there.bytes, there.packets, back.bytes, back.packets) == (100, 1, 900, 9)
    assert (back.source, back.source_port) == (there.destination, there.destination_port)


def test_sampling_of_netflow9_comes_by_options_and_by_sampler() -> None:
    decoder = Decoder()
    options = struct.pack("!HHH", 300, 4, 12) + fields((1, 4), (48, 1), (49, 1), (50, 4))
    told = a_set(300, b"\0\0\0\1\1\2" + struct.pack("!I", 100) + b"\0\0\0\1\2\2" + struct.pack("!I", 500))
    sampled = template(pairs=(*FLOW, (48, 1)))
    data = a_set(256, record() + b"\1" + record() + b"\2" + record() + b"\7")
    assert [flow.bytes for flow in flows(decoder, netflow9(a_set(1, options), sampled, told, data))] == [100_000, 500_000, 1000]


def test_sampling_of_ipfix_counts_taken_and_left_out() -> None:
    options = struct.pack("!HHH", 300, 3, 1) + fields((302, 2), (305, 4), (306, 4))
    told = a_set(300, struct.pack("!HII", 1, 1, 99))
    (flow,) = flows(Decoder(), ipfix(a_set(3, options), told, template(version=10), a_set(256, record())))
    assert (flow.bytes, flow.packets) == (100_000, 200)


def test_the_rate_that_the_site_states_wins() -> None:
    decoder = Decoder(lambda address, _agent: 20 if address == HOME else 0)
    (flow,) = flows(decoder, netflow9(template(), a_set(256, record())))
    assert flow.bytes == 20_000


@pytest.mark.parametrize("vlan", [0, 12])
def test_sflow_reads_what_is_inside_a_sampled_frame(vlan: int) -> None:
    decoder = Decoder()
    ethernet = frame(("10.1.0.5", "10.2.0.9", 6, 40000, 443, 1460), vlan)[:128]
    (flow,) = flows(decoder, sflow(flow_sample(ethernet)))
    assert (text_of(flow.source), flow.source_port, flow.destination_port) == ("10.1.0.5", 40000, 443)
    assert (flow.bytes, flow.packets, flow.input, flow.output) == (15_180, 10, 7, 8)
    assert next(iter(decoder.exporters)) == (HOME, "192.0.2.7")


def test_sflow_of_ipv6_and_of_frames_that_are_no_ip() -> None:
    decoder = Decoder()
    six = frame(("2001:db8::1", "2001:db8::2", 17, 5000, 53, 90))
    arp = b"\xff" * 12 + struct.pack("!H", 0x0806) + bytes(28)
    found = flows(decoder, sflow(flow_sample(six), flow_sample(arp)))
    assert [(text_of(flow.source), flow.destination_port) for flow in found] == [("2001:db8::1", 53)]
    assert tally(decoder).without_address == 1


def test_gaps_count_as_lost_what_comes_late_does_not_and_a_restart_is_none() -> None:
    decoder = Decoder()
    flows(decoder, netflow9(template(), sequence=10))
    for sequence, lost in ((11, 0), (15, 3), (12, 2), (16, 2), (0x80000000, 2), (0, 2), (1, 2), (3, 3)):
        flows(decoder, netflow9(a_set(256, record()), sequence=sequence))
        assert tally(decoder).lost == lost


def test_ipfix_counts_records_and_the_number_wraps() -> None:
    decoder = Decoder()
    flows(decoder, ipfix(template(version=10), a_set(256, record() * 2), sequence=0xFFFFFFFF))
    flows(decoder, ipfix(a_set(256, record()), sequence=1))
    assert tally(decoder).lost == 0
    flows(decoder, ipfix(a_set(256, record()), sequence=5))
    assert tally(decoder).lost == 3


LIES = {
    "cut header": b"\0\x09\0\1",
    "no records": struct.pack("!HHIIIIBBH", 5, 30, 1, 2, 3, 4, 0, 0, 0),
    "set longer than the rest": netflow9(struct.pack("!HH", 256, 60000)),
    "set shorter than its head": netflow9(struct.pack("!HH", 0, 0)),
    "template without fields": netflow9(a_set(0, struct.pack("!HHHH", 256, 0, 257, 0))),
    "template of records of no length": netflow9(template(pairs=((8, 0), (12, 0)))),
    "more fields than bytes": netflow9(a_set(0, struct.pack("!HH", 256, 60000) + fields((8, 4)))),
    "fields without end": netflow9(template(pairs=((8, 4),) * 300)),
    "record longer than a datagram": netflow9(template(pairs=((8, 4), (99, 65000), (98, 65000)))),
    "ipfix longer than what came": ipfix(template(version=10))[:20],
    "ipfix shorter than its header": struct.pack("!HHIII", 10, 3, 1, 1, 1),
    "options of half a field": netflow9(a_set(1, struct.pack("!HHH", 300, 400, 400))),
    "sflow of strange address": struct.pack("!IIIIIIII", 5, 9, 0, 0, 0, 0, 0, 0),
    "sflow with a million samples": struct.pack("!IIIIIII", 5, 1, 0, 0, 1, 1, 1_000_000),
    "sflow sample longer than the rest": sflow(struct.pack("!II", 1, 4_000_000_000)),
    "sflow header longer than the rest": sflow(flow_sample(b"abcd").replace(struct.pack("!IIII", 1, 1518, 4, 4), struct.pack("!IIII", 1, 1518, 4, 4000))),
}


@pytest.mark.parametrize("data", LIES.values(), ids=LIES.keys())
def test_a_datagram_that_lies_is_counted_and_harms_nothing(data: bytes) -> None:
    decoder = Decoder()
    assert flows(decoder, data) == []
    assert tally(decoder).bad == 1
    assert len(flows(decoder, netflow9(template(), a_set(256, record())))) == 1


def test_what_is_before_a_lie_counts() -> None:
    decoder = Decoder()
    assert len(flows(decoder, netflow9(template(), a_set(256, record()), struct.pack("!HH", 256, 9000)))) == 1
    assert tally(decoder).bad == 1


def test_noise_is_of_no_exporter() -> None:
    decoder = Decoder()
    for data in (b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\4" + bytes(60)):
        assert decoder.read(data, HOME) is None
    assert (decoder.bad, decoder.exporters) == (4, {})


def test_bombs_are_bounded() -> None:
    decoder = Decoder()
    for number in range(MOST_TEMPLATES + 50):
        flows(decoder, netflow9(template(256 + number)))
    for domain in range(MOST_DOMAINS + 50):
        flows(decoder, netflow9(template(), domain=domain))
    (exporter,) = decoder.exporters.values()
    assert len(exporter.domains) == MOST_DOMAINS
    assert all(len(domain.readers) <= MOST_TEMPLATES for domain in exporter.domains.values())
    for number in range(MOST_EXPORTERS + 10):
        flows(decoder, netflow9(), f"10.9.{number // 250}.{number % 250}")
    assert (len(decoder.exporters), decoder.refused) == (MOST_EXPORTERS, 11)


def test_ten_thousand_mutations_neither_raise_nor_hang() -> None:
    chance = random.Random(20)
    named = struct.pack("!HH", 256, len(FLOW) + 1) + fields((96, 65535)) + fields(*FLOW)
    seeds = (
        netflow9(template(), a_set(256, record() * 5)),
        ipfix(a_set(2, named), a_set(256, (b"\5https" + record()) * 5)),
        ipfix(a_set(3, struct.pack("!HHH", 300, 3, 1) + fields((302, 2), (305, 4), (306, 4))), a_set(300, struct.pack("!HII", 1, 1, 99))),
        sflow(flow_sample(frame(("10.1.0.5", "10.2.0.9", 6, 40000, 443, 60), 3)), flow_sample(frame(("2001:db8::1", "2001:db8::2", 17, 1, 2, 9)))),
        struct.pack("!HHIIIIBBH", 5, 2, 1, 2, 3, 4, 0, 0, 0) + bytes(96),
    )
    decoder = Decoder()
    slowest = 0.0
    for _ in range(10_000):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(4 if chance.random() < 0.9 else 0, len(data))] = chance.choice((0, 1, 255, chance.randrange(256)))
        begun = time.perf_counter()
        decoder.read(bytes(data[: chance.randint(1, len(data))] if chance.random() < 0.3 else data), HOME, 1)
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < 1.0
