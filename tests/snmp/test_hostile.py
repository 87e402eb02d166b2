"""Agents that mislead: endless, in circles, slow, silent, damaged; nothing crashes, hangs or spreads."""

import contextlib
import random
import time
from collections.abc import Callable, Mapping

import pytest

from collectors.network.snmp.access import Access
from collectors.network.snmp.device import read_device
from collectors.network.snmp.fast import GufoSession
from collectors.network.snmp.poll import poll_device
from collectors.network.snmp.profile import standard_profiles
from collectors.network.snmp.reader import Kept, Reader
from collectors.network.snmp.reading import Reading, document
from collectors.network.snmp.recording import RecordedSession
from collectors.network.snmp.samples import measures
from collectors.network.snmp.session import Engine, open_session
from collectors.network.snmp.thorough import PysnmpSession
from collectors.network.snmp.values import Value
from core.errors import BadReply, DeviceError, Unreachable
from tests.peers.snmp_agent import (
    GAUGE,
    INTEGER,
    NULL,
    OCTETS,
    OID,
    Agent,
    Answer,
    Bench,
    Circles,
    Damaged,
    Endless,
    Silent,
    Table,
    Typed,
    encode,
    switch,
    wrap,
)

pytestmark = pytest.mark.slow

TABLE = Table.of(switch("hostile"))
ENGINES: tuple[Engine, ...] = ("gufo", "pysnmp")


def poll(answer: Answer, engine: Engine = "gufo", deadline_s: float = 10.0, timeout_s: float = 0.3, delay_s: float = 0.0) -> tuple[Reading, float]:
    place = ("127.0.0.1", 0)
    with Bench({place: answer}, {place: delay_s} if delay_s else {}) as bench:
        started = time.monotonic()
        reading = poll_device(Access(*bench.addresses[0], timeout_s=timeout_s), standard_profiles(), deadline_s, engine)
        return reading, time.monotonic() - started


@pytest.mark.parametrize("engine", ENGINES)
def test_a_walk_that_never_ends_is_cut_off_and_what_was_read_kept(engine: Engine) -> None:
    reading, took = poll(Endless(TABLE), engine, deadline_s=6)
    assert reading.problems
    assert reading.identity.sysname == "hostile"
    assert len(reading.interfaces) > 20
    assert took < 9


@pytest.mark.parametrize("engine", ENGINES)
def test_a_walk_in_circles_is_cut_off_with_its_place(engine: Engine) -> None:
    reading, took = poll(Circles(TABLE), engine)
    assert "goes in circles (at 1." in reading.problems[0]
    assert took < 5


@pytest.mark.parametrize("engine", ENGINES)
def test_a_silent_agent_costs_its_retries_once(engine: Engine) -> None:
    reading, took = poll(Silent(), engine, timeout_s=0.2)
    assert reading.uptime_s is None
    assert "no SNMP answer within 0.6 s" in reading.problems[0]
    assert took < 2


def test_a_slow_agent_ends_at_its_deadline_and_keeps_what_it_told() -> None:
    reading, took = poll(Agent(TABLE), deadline_s=2, timeout_s=1, delay_s=0.15)
    assert reading.identity.sysname == "hostile"
    assert "the deadline passed" in reading.problems[-1]
    assert took < 2 * 1.1 + 1


def test_an_agent_that_falls_silent_half_way_is_not_asked_for_every_column() -> None:
    class Tired(Agent):
        def __call__(self, data: bytes) -> bytes | None:
            return super().__call__(data) if self.asked < 30 else None

    reading, took = poll(Tired(TABLE), timeout_s=0.2)
    assert reading.identity.sysname == "hostile"
    assert took < 4


def test_an_agent_that_cannot_take_bulk_is_asked_for_less() -> None:
    class Small(Agent):
        def __call__(self, data: bytes) -> bytes | None:
            answer = super().__call__(data)
            return answer if answer and len(answer) < 400 else None

    reading, _ = poll(Small(TABLE), timeout_s=0.15)
    assert [port.name for port in reading.interfaces] == [f"Gi0/{port}" for port in range(1, 25)]
    assert len({port.in_octets for port in reading.interfaces}) == 24


def test_rows_out_of_order_are_all_read() -> None:
    rows = {f"1.3.6.1.2.1.2.2.1.2.{row}": b"x%d" % row for row in (3, 1, 2)}

    class Disordered(RecordedSession):
        def walk(self, root: str):  # type: ignore[no-untyped-def]
            yield from rows.items()

    column = Reader(Disordered({}), time.monotonic, time.monotonic() + 5).column("1.3.6.1.2.1.2.2.1.2")
    assert dict(column) == {"1": b"x1", "2": b"x2", "3": b"x3"}


LIES: Mapping[str, Typed] = {
    "1.3.6.1.2.1.2.2.1.2.1": (OCTETS, "核心".encode("gbk") + b"\x00<script>alert(1)</script>"),
    "1.3.6.1.2.1.31.1.1.1.1.2": (OCTETS, b"\xff\xfe\x80" * 1000),
    "1.3.6.1.2.1.31.1.1.1.18.3": (OCTETS, b"A" * 64_000),
    "1.3.6.1.2.1.2.2.1.5.4": (INTEGER, -5),
    "1.3.6.1.2.1.2.2.1.10.5": (INTEGER, -(2**40)),
    "1.3.6.1.2.1.2.2.1.8.6": (OCTETS, b"up"),
    "1.3.6.1.2.1.2.2.1.6.7": (INTEGER, 3),
    "1.3.6.1.2.1.25.3.3.1.2.1": (GAUGE, 4_000_000_000),
    "1.3.6.1.2.1.99.1.1.1.4.9": (INTEGER, 2_000_000_000),
    "1.3.6.1.2.1.1.3.0": (OCTETS, b"yesterday"),
    "1.3.6.1.2.1.1.2.0": (OCTETS, b"not an oid"),
    "1.3.6.1.2.1.25.2.3.1.5.1": (NULL, b""),
}


def test_values_that_lie_are_caught_and_the_rest_is_read() -> None:
    reading, _ = poll(Agent(Table.of({**switch("liar"), **LIES})))
    ports = {port.index: port for port in reading.interfaces}
    assert len(ports) == 24
    assert ports[1].descr == "核心 <script>alert(1)</script>" or "核心" in str(ports[1].descr)
    assert len(ports[3].alias or "") == 4096
    assert (ports[4].speed_bps, ports[6].oper, ports[7].mac) == (1_000_000_000, None, None)
    assert (ports[5].in_octets or 0) >= 0
    assert (reading.processors, reading.sensors, reading.memory, reading.uptime_s) == ((), (), (), None)


def test_no_kept_name_outlives_a_full_reading() -> None:
    kept = Kept()
    session = RecordedSession({"1.3.6.1.2.1.2.2.1.2.1": b"old"})
    Reader(session, time.monotonic, time.monotonic() + 5, kept).names("1.3.6.1.2.1.2.2.1.2")
    assert dict(Reader(RecordedSession({}), time.monotonic, time.monotonic() + 5, kept).names("1.3.6.1.2.1.2.2.1.2")) == {"1": b"old"}
    assert not Reader(RecordedSession({}), time.monotonic, time.monotonic() + 5, Kept()).names("1.3.6.1.2.1.2.2.1.2")


def damaged(seed: int) -> Callable[[bytes], bytes]:
    """Flip, cut, double, insert or change lengths of one to four places."""
    chance = random.Random(seed)

    def damage(answer: bytes) -> bytes:
        data = bytearray(answer)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(data))
            kind = chance.randrange(5)
            if kind == 0:
                data[place] ^= 1 << chance.randrange(8)
            elif kind == 1:
                data[place] = chance.choice((0, 0x7F, 0x80, 0x84, 0xFF))
            elif kind == 2:
                del data[place : place + chance.randint(1, 30)]
            elif kind == 3:
                data[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
            else:
                data += data[place : place + 60]
            if not data:
                return b"\x30"
        return bytes(data)

    return damage


class GufoAlone(GufoSession):
    """Without the other engine behind it, which has a run of its own."""

    def _thorough(self) -> PysnmpSession:
        raise BadReply("", "too large")


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "count"), [("gufo", 10_000), ("pysnmp", 150)])
def test_damaged_answers_never_crash_and_never_hang(engine: Engine, count: int) -> None:
    """Each request's answer is damaged in its own way; an answer takes under a second or ends in a DeviceError."""
    broken = Damaged(Agent(TABLE), damaged(20261125))
    outcomes = {"read": 0, "refused": 0}
    longest = 0.0
    with Bench({("127.0.0.1", 0): broken}) as bench:
        access = Access(*bench.addresses[0], timeout_s=0.004 if engine == "gufo" else 0.02, retries=0)
        session = GufoAlone(access) if engine == "gufo" else PysnmpSession(access)
        for number in range(count):
            started = time.monotonic()
            try:
                if number % 2:
                    session.get(["1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.3.0"])
                else:
                    next(iter(session.walk("1.3.6.1.2.1.2.2.1.2")), None)
                outcomes["read"] += 1
            except DeviceError:
                outcomes["refused"] += 1
            longest = max(longest, time.monotonic() - started)
        session.close()
    assert sum(outcomes.values()) == count
    assert min(outcomes.values()) > 0
    assert longest < 1.0


def oddity(chance: random.Random) -> Value:
    """A value of any type that an agent may put anywhere."""
    return chance.choice(
        (
            None, 0, -1, 2**31, 2**32 - 1, 2**64 - 1, -(2**63), 1.5, float("nan"), float("inf"),
            "1.3.6.1.4.1.9.1.1", "255.255.255.255", b"", b"\x00", b"\xff" * 7,
            b"1" * 5000, b"-3.5e9", b"5 Secs ( 6.1%)", "机房".encode("gbk"), bytes(chance.randrange(256) for _ in range(chance.randrange(40))),
        )
    )  # fmt: skip


def test_oddities_in_any_cell_of_any_profile_are_read_or_left_out() -> None:
    """Every column that a profile names gets rows of random values; the document and the measures stay plain and finite."""
    chance = random.Random(7)
    profiles = standard_profiles()
    for number, profile in enumerate(profiles):
        values: dict[str, Value] = {}
        for match in profile.match:
            values["1.3.6.1.2.1.1.2.0"] = next(iter(match.oid), "1.3.6.1.4.1.1")
        for part in ("sensors", "states", "processors", "memory", "storage"):
            for row in getattr(profile, part):
                for field in ("value", "total", "used", "free", "usage", "unit"):
                    oid = getattr(row, field, None)
                    if oid and not oid.startswith("@"):
                        values |= {oid if oid.endswith(".0") else f"{oid}.{place}": oddity(chance) for place in ("1", "2.3", "4.5.6", "0")}
                for name in row.names.values():
                    if name.oid[0].isdigit():
                        values |= {f"{name.oid}.{place}": oddity(chance) for place in ("1", "2.3")}
        values["1.3.6.1.2.1.1.1.0"] = oddity(chance) if number % 3 else b"x"
        started = time.monotonic()
        reading = read_device(Reader(RecordedSession(values), time.monotonic, time.monotonic() + 20), [profile])
        assert document(reading)["sensors"] is not None
        assert all(value == value and abs(value) < 1e300 for _, value, _ in measures(reading)), profile.name  # noqa: PLR0124 - a NaN is not itself
        assert time.monotonic() - started < 1.0, profile.name


def test_an_agent_of_another_protocol_is_not_taken_for_an_answer() -> None:
    def chatter(_: bytes) -> bytes:
        return wrap(OCTETS, b"hello") + encode((OID, "1.3.6.1"))

    with Bench({("127.0.0.1", 0): chatter}) as bench:
        session = open_session(Access(*bench.addresses[0], timeout_s=0.1, retries=0))
        with contextlib.closing(session), pytest.raises(Unreachable):
            session.get(["1.3.6.1.2.1.1.1.0"])
