"""Log templates: lines of one kind come together, others do not; bounded, and the same after a restart."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from core.errors import ConfigError
from core.records import Event, Finding, Severity
from detectors.logs.miner import Miner, masked
from detectors.logs.watch import Logs
from detectors.series.memory import pack
from tests.detectors.series import START

KINDS = {
    "failed password": "Failed password for {user} from {ip} port {n} ssh2",
    "failed invalid": "Failed password for invalid user {user} from {ip} port {n} ssh2",
    "accepted": "Accepted publickey for {user} from {ip} port {n} ssh2: ED25519 SHA256:{word}",
    "closed": "Connection closed by {ip} port {n} [preauth]",
    "session opened": "pam_unix(sshd:session): session opened for user {user}(uid={n}) by (uid=0)",
    "session closed": "pam_unix(sshd:session): session closed for user {user}",
    "cron": "({user}) CMD (/usr/lib/sysstat/sa1 {n} {n})",
    "oom": "Out of memory: Killed process {n} ({word}) total-vm:{n}kB, anon-rss:{n}kB",
    "link down": "{eth}: Link is Down",
    "link up": "{eth}: Link is Up - {n}Gbps/Full - flow control off",
    "started": "Started Session {n} of User {user}.",
    "disk": "blk_update_request: I/O error, dev sd{letter}, sector {n} op 0x{hex}:(READ) flags 0x{hex} phys_seg {n} prio class {n}",
    "nginx": "upstream timed out (110: Connection timed out) while connecting to upstream, client: {ip}, server: www.example.org",
    "dhcp": "DHCPACK on {ip} to {mac} via {eth}",
    "ntp": "time reset {sign}{n}.{n} s",
    "usage": "/dev/sda{n} is {n}% full",
    "block": "Receiving block blk_{n} src: /{ip}:{n} dest: /{ip}:{n}",
    "verify": "Verification succeeded for blk_{n}",
}


def filled(pattern: str, rng: random.Random) -> str:
    def word() -> str:
        return "".join(rng.choice("abcdefghijklmnopqrstuvw") for _ in range(rng.randint(3, 9)))

    made: dict[str, Callable[[], str]] = {
        "user": word, "word": word, "ip": lambda: ".".join(str(rng.randint(1, 254)) for _ in range(4)), "n": lambda: str(rng.randint(1, 99999)),
        "eth": lambda: f"eth{rng.randint(0, 9)}", "letter": lambda: rng.choice("abcdef"), "hex": lambda: f"{rng.randint(0, 65535):x}",
        "mac": lambda: ":".join(f"{rng.randint(0, 255):02x}" for _ in range(6)), "sign": lambda: rng.choice("+-"),
    }  # fmt: skip
    for key, make in made.items():
        while "{" + key + "}" in pattern:
            pattern = pattern.replace("{" + key + "}", make(), 1)
    return pattern


def lines(count: int, seed: int = 1) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [(kind, filled(KINDS[kind], rng)) for kind in (rng.choice(sorted(KINDS)) for _ in range(count))]


def test_lines_of_one_kind_and_no_others_come_together() -> None:
    """Grouping accuracy as in the field: the part of lines whose group holds exactly the lines of their kind."""
    miner = Miner()
    told = [(kind, miner.add(line)[0].number) for kind, line in lines(3000)]
    kinds, groups = defaultdict(set), defaultdict(set)
    for place, (kind, number) in enumerate(told):
        kinds[kind].add(place)
        groups[number].add(place)
    right = sum(kinds[kind] == groups[number] for kind, number in told)
    assert right / len(told) >= 0.95


def test_a_new_kind_is_told_once() -> None:
    miner = Miner()
    for _, line in lines(2000):
        miner.add(line)
    first = "segfault at 7ffd3c ip 00007f2a sp 00007ffd error 4 in libcrypto.so[7f2a+1000]"
    assert miner.add(first)[1] is True
    assert miner.add(first.replace("7ffd3c", "7ffe4d"))[1] is False


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from 10.1.2.3 port 22", "from <ip> port <number>"),
        ("from 10.1.2.3:8080 to fe80::1:2", "from <ip> to <ip>"),
        ("id 6ba7b810-9dad-11d1-80b4-00c04fd430c8 done", "id <uuid> done"),
        ("to 00:11:22:aa:bb:cc via eth0", "to <mac> via eth0"),
        ("open /var/log/messages failed", "open <path> failed"),
        ("at 0xdeadbeef and deadbeef01", "at <hex> and <hex>"),
        ("took 35.2ms, 17 rows, -3 left", "took <number>ms, <number> rows, <number> left"),
        ("on 2026-03-02T10:00:00.123Z it began", "on <time> it began"),
        ("C:\\Windows\\System32\\a.dll missing", "<path> missing"),
        ("用户 admin 登录失败 3 次", "用户 admin 登录失败 <number> 次"),
        ("   ", "<empty>"),
    ],
)
def test_what_varies_is_masked(line: str, expected: str) -> None:
    assert " ".join(masked(line)) == expected


def test_it_takes_up_where_it_left_off() -> None:
    one, other = Miner(), Miner()
    before, after = lines(800), lines(800, seed=2)
    for _, line in before:
        one.add(line)
    other.load(json.loads(json.dumps(one.dump())))
    assert [other.add(line)[0].number for _, line in after] == [one.add(line)[0].number for _, line in after]
    assert other.dump() == one.dump()


def test_it_never_holds_more_than_its_limit() -> None:
    miner = Miner(limit=50)
    for number in range(5000):
        miner.add(" ".join(f"w{number}x{place}" for place in range(number % 7 + 1)))
    assert len(miner) == 50
    assert len(miner.dump()["templates"]) == 50


@pytest.mark.parametrize("data", [{}, {"next": 1}, {"next": "x", "templates": []}, {"next": 2, "templates": [[1]]}, {"next": 2, "templates": None}])
def test_a_damaged_memory_is_refused_and_changes_nothing(data: dict[str, object]) -> None:
    miner = Miner()
    miner.add("one line")
    before = miner.dump()
    with pytest.raises(ConfigError, match="damaged"):
        miner.load(data)
    assert miner.dump() == before


@pytest.mark.parametrize("line", ["a" * 1_000_000, "1" * 100_000, "1." * 50_000, "a/" * 50_000, "::" * 50_000, "\x00\xff " * 1000, "<*> <*>"])
def test_hostile_lines_take_no_time(line: str) -> None:
    started = time.perf_counter()
    Miner().add(line)
    assert time.perf_counter() - started < 0.5


def read(judged: Logs, batch: list[Event]) -> list[Finding]:
    """The batch, arriving when its last line was written."""
    return judged.read(batch, batch[-1].time)


def day_of_logs(hours: int, start: int = 0, asset: str = "web1") -> Iterator[list[Event]]:
    """Twenty lines an hour of all kinds."""
    rng = random.Random(start)
    for hour in range(start, start + hours):
        batch = [said(filled(KINDS[rng.choice(sorted(KINDS))], rng), hour, minute * 3, asset) for minute in range(20)]
        yield batch


def said(line: str, hour: int, minute: int = 0, asset: str = "web1") -> Event:
    return Event(id=f"{asset}{hour}{minute}{line}", time=START + timedelta(hours=hour, minutes=minute), asset=asset, kind="log", message=line)


def learned(hours: int = 200) -> Logs:
    judged = Logs()
    for batch in day_of_logs(hours):
        read(judged, batch)
    return judged


def what(findings: list[Finding]) -> list[tuple[str, bool]]:
    return [(finding.labels["what"], finding.firing) for finding in findings]


PANIC = "EXT4-fs error: unable to read itable block"


def test_a_week_of_usual_logs_is_quiet_after_the_first_day() -> None:
    judged = Logs()
    assert [finding for batch in day_of_logs(24 * 7) for finding in read(judged, batch)] == []


def test_a_line_never_seen_is_told_once_and_over_an_hour_later() -> None:
    judged = learned()
    (found,) = read(judged, [said(PANIC, 200), said("segfault in libcrypto", 200, 1)])
    assert (found.labels["what"], found.firing, found.severity) == ("new", True, Severity.INFO)
    assert PANIC in found.evidence["zh"]
    assert PANIC in found.evidence["en"]
    assert what(read(judged, [said(PANIC, 201)])) == []
    assert what(read(judged, [said(PANIC, 202)])) == [("new", False)]


def test_a_flood_of_a_known_kind_is_told_with_its_busiest_hour() -> None:
    judged = learned()
    rng = random.Random(9)
    flood = [said(filled(KINDS["failed password"], rng), 200, number // 10) for number in range(300)]
    (found,) = read(judged, flood)
    assert (found.labels["what"], found.firing, found.severity) == ("flood", True, Severity.WARNING)
    assert found.evidence["template"] == "Failed password for <*> from <ip> port <number> ssh2"
    assert found.evidence["count"] == 31
    assert found.evidence["busiest_hour"] < 7


def test_a_flood_goes_on_until_an_hour_is_usual_again() -> None:
    judged = learned()
    rng = random.Random(9)
    told = [read(judged, [said(filled(KINDS["link down"], rng), hour, number // 10) for number in range(100)]) for hour in (200, 201, 202)]
    assert [what(found) for found in told] == [[("flood", True)], [], []]
    quiet = read(judged, [said(filled(KINDS["link down"], rng), 203)]) + read(judged, [said(filled(KINDS["link down"], rng), 204)])
    assert what(quiet) == [("flood", False)]


def test_the_end_comes_although_the_source_is_silent() -> None:
    judged = learned()
    read(judged, [said(filled(KINDS["link down"], random.Random(1)), 200, number // 10) for number in range(100)])
    ends = [finding for hour in (201, 202) for finding in read(judged, [said("Started Session 1 of User root.", hour, asset="other")])]
    assert [(finding.asset, finding.firing) for finding in ends] == [("web1", False)]


def test_an_assets_first_day_teaches_only() -> None:
    judged = learned()
    assert read(judged, [said(f"a wholly new {word} indeed", 200, asset="fresh") for word in ("alpha", "beta")] * 50) == []


def test_its_memory_makes_the_next_judgements_the_same() -> None:
    whole, second = learned(), Logs()
    second.restore(whole.state())
    batches = [*day_of_logs(5, start=200), [said(PANIC, 206)], [said("Started Session 1 of User root.", 208)]]
    assert [read(second, batch) for batch in batches] == [read(whole, batch) for batch in batches]
    assert second.state() == whole.state()


@pytest.mark.parametrize(
    "state", [b"", b"rubbish", pack("logs", 1, {"hour": 1}), pack("logs", 1, {"hour": 1, "miner": {}, "assets": [[1]]}), pack("logs", 9, {})]
)
def test_a_memory_that_cannot_be_used_is_refused(state: bytes) -> None:
    judged = learned(30)
    before = judged.state()
    with pytest.raises(ConfigError):
        judged.restore(state)
    assert judged.state() == before


def test_a_flood_of_assets_is_refused_with_one_mark() -> None:
    judged = Logs(limit=3)
    found = read(judged, [said("hello", 0, asset=f"a{number}") for number in range(100)])
    assert [(one.source, one.firing) for one in found] == [("logs.admission", True)]


def test_a_senders_wrong_clock_moves_nothing() -> None:
    judged = learned()
    future = said("Started Session 1 of User root.", 24 * 365 * 50)
    assert judged.read([future], START + timedelta(hours=200)) == []
    assert what(read(judged, [said(PANIC, 200)])) == [("new", True)]
    assert what(read(judged, [said("Started Session 2 of User root.", 203)])) == []
    assert what(read(judged, [said("Started Session 3 of User root.", 204)])) == [("new", False)]


def test_lines_of_random_words_stay_cheap() -> None:
    miner, rng = Miner(), random.Random(1)
    words = ["".join(rng.choice("abcdefgh") for _ in range(8)) for _ in range(5000)]
    started = time.perf_counter()
    for _ in range(2000):
        miner.add("event " + " ".join(rng.choice(words) for _ in range(9)))
    assert (time.perf_counter() - started) / 2000 < 0.002
    assert len(miner) <= 2000
