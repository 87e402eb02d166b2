"""Ten thousand damaged traps, and any octets: no crash, no hang, each one counted somewhere."""

import socket
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.events.traps.ber import BadPacket, one, packed, packed_number, packed_oid, sequence
from collectors.events.traps.listener import Settings, TrapListener
from collectors.events.traps.message import Trap, open_community, version_of
from collectors.events.traps.names import meaning, tables
from core.clock import SystemClock
from tests.collectors.events.test_listener import Box
from tests.collectors.events.test_traps import AES, ENGINE, LINK_DOWN, SHA, USERS, inform, send, trap
from tests.snmp.test_hostile import damaged

COUNT = 10_000


def deaf(box: Box) -> TrapListener:
    """A listener that is given datagrams by hand."""
    found = TrapListener(Settings(port=0, rate=0), ENGINE, lambda address, host: host or address, lambda _, index: f"port {index}", box, SystemClock())
    found.set_access(frozenset(), USERS)
    return found


def old_trap() -> bytes:
    bindings = sequence(sequence(packed_oid("1.3.6.1.2.1.2.2.1.1.7"), packed_number(7)))
    parts = (packed_oid("1.3.6.1.4.1.9.1.1"), packed(0x40, bytes((192, 0, 2, 7))), packed_number(2), packed_number(0), packed_number(100, 0x43), bindings)
    return sequence(packed_number(0), packed(4, b"public"), sequence(*parts, tag=0xA4))


def heard(folder: Path, *level: str) -> bytes:
    """What snmptrap sends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spy:
        spy.bind(("127.0.0.1", 0))
        spy.settimeout(30)
        send(folder, "snmptrap", "-v3", *level, "-e", "0x80001f8801020304", f"127.0.0.1:{spy.getsockname()[1]}", "", *LINK_DOWN)
        return spy.recv(4000)


@pytest.mark.peer
def test_ten_thousand_damaged_traps_are_each_taken_refused_or_bad(tmp_path: Path) -> None:
    plain = heard(tmp_path, "-u", "plain", "-l", "noAuthNoPriv")
    whole = heard(tmp_path, "-u", "whole", "-l", "authPriv", "-a", "SHA-256", "-A", SHA, "-x", "AES", "-X", AES)
    messages = (trap(), inform(), old_trap(), plain, whole)
    listener, damage, longest = deaf(Box()), damaged(20261125), 0.0
    for number in range(COUNT):
        begun = time.monotonic()
        listener.datagram(damage(messages[number % len(messages)]), ("192.0.2.1", 1024))
        longest = max(longest, time.monotonic() - begun)
    tally = listener.tally
    refused = sum(tally.refused.values())
    told = listener._delivery.waiting
    assert tally.received == COUNT
    assert min(tally.bad, refused, told) > 0
    assert tally.bad + refused + tally.repeated + told <= COUNT
    assert set(tally.refused) <= {"user", "level", "digest", "decryption", "late", "engine"}
    assert longest < 1.0


@pytest.mark.peer
def test_no_damage_gets_past_authentication(tmp_path: Path) -> None:
    message = heard(tmp_path, "-u", "whole", "-l", "authPriv", "-a", "SHA-256", "-A", SHA, "-x", "AES", "-X", AES)
    listener = deaf(Box())
    for place in range(len(message)):
        changed = bytearray(message)
        changed[place] ^= 0x10
        listener.datagram(bytes(changed), ("192.0.2.1", 1024))
    assert listener._delivery.waiting == 0
    listener.datagram(message, ("192.0.2.1", 1024))
    assert listener._delivery.waiting == 1


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600))
def test_any_octets_are_counted_and_nothing_else(data: bytes) -> None:
    listener = deaf(Box())
    listener.datagram(data, ("192.0.2.1", 1024))
    assert listener.tally.received == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * 500,
        packed(0x30, packed(0x30, b"") * 20_000),
        b"\x30\x84\x7f\xff\xff\xff" + b"\x02\x01\x01" * 1000,
        sequence(
            packed_number(1), packed(4, b"public"), sequence(packed_number(1), packed_number(0), packed_number(0), sequence(*[b"\x30\x00"] * 20_000), tag=0xA7)
        ),
        b"\x30" * 60_000,
    ],
    ids=["endless nesting", "empty parts", "a length of two gigabytes", "twenty thousand variables", "only heads"],
)
def test_a_message_made_to_cost_much_costs_little(data: bytes) -> None:
    listener, begun = deaf(Box()), time.process_time()
    for _ in range(5):
        listener.datagram(data, ("192.0.2.1", 1024))
    assert listener.tally.bad == 5
    assert time.process_time() - begun < 30  # seconds of this process alone, whatever else runs; what grows faster than its length takes minutes


def test_random_values_of_known_variables_have_a_meaning() -> None:
    random, known = Random(3), tables()
    values = (None, 0, -1, 2**64, 1.5, float("nan"), "1.3.6.1", b"", b"\x00" * 300, b"\xff" * 300, "机房".encode("gb18030"), b"<script>\x1b[2J")
    for oid in known.notifications:
        variables = {f"{name}.{random.randrange(2**32)}": random.choice(values) for name in random.sample(sorted(known.variables), 10)}
        found = meaning(Trap("2c", oid, variables), known)
        assert len(found.text) <= 4096
        assert "\x1b" not in found.text


def test_what_is_no_trap_says_so() -> None:
    request = trap().replace(b"\xa7", b"\xa0", 1)
    with pytest.raises(BadPacket, match="no trap"):
        open_community(version_of(one(request))[1])
