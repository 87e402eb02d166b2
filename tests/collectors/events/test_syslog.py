"""Parsing, framing and meaning of syslog messages."""

import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.events.framing import BadFrame, Frame, Frames
from collectors.events.patterns import Pattern, by_program, meaning, read_table, table
from collectors.events.syslog import fields, parse
from collectors.events.text import visible
from core.errors import ConfigError

NOW = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_it_reads_the_example_of_rfc_5424() -> None:
    raw = b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="Appli\\"cation"] \xef\xbb\xbfAn event'
    message = parse(raw, NOW)
    assert (message.host, message.program, message.pid, message.msgid) == ("mymachine.example.com", "evntslog", "", "ID47")
    assert (message.facility, message.severity, message.text) == ("local4", "notice", "An event")
    assert message.data == {"exampleSDID@32473": {"iut": "3", "eventSource": 'Appli"cation'}}
    assert message.stated == datetime(2003, 10, 11, 22, 14, 15, 3000, tzinfo=UTC)
    assert message.time == NOW, "a time years away is not believed"


def test_it_reads_the_example_of_rfc_3164() -> None:
    message = parse(b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", datetime(2026, 10, 11, 22, 14, 16, tzinfo=UTC))
    assert (message.host, message.program, message.facility, message.severity) == ("mymachine", "su", "auth", "critical")
    assert message.time == datetime(2026, 10, 11, 22, 14, 15, tzinfo=UTC)


def test_a_message_of_the_old_year_that_arrives_in_the_new_one_keeps_its_year() -> None:
    assert parse(b"<34>Dec 31 23:59:59 h p: x", NOW).time == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_time_without_zone_is_the_time_of_the_site() -> None:
    assert parse("<34>Jan  1 08:00:20 h p: 系统启动".encode(), NOW, SHANGHAI).time == datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "host", "program", "text"),
    [
        ("<189>45: *Jan  1 00:00:01.234: %SYS-5-CONFIG_I: Configured from console", "", "SYS", "Configured from console"),
        ("<13>2026-01-01T08:00:00.123456+08:00 web1 nginx[812]: started", "web1", "nginx", "started"),
        ("<13>Jan  1 00:00:00 nginx[812]: no host here", "", "nginx", "no host here"),
        ("<188>2026-1-1 08:00:20 SW1 %%01IFNET/4/LINK_STATE(l)[5]:The line protocol", "SW1", "IFNET", "%%01IFNET/4/LINK_STATE(l)[5]:The line protocol"),
        ("no priority at all", "", "", "no priority at all"),
        ("<999>Jan  1 00:00:00 h p: x", "", "", "<999>Jan  1 00:00:00 h p: x"),
        ("", "", "", ""),
        ("<13>Feb 30 00:00:00 h p: x", "", "", "Feb 30 00:00:00 h p: x"),
    ],
    ids=["cisco", "rsyslog iso", "no host", "huawei", "no priority", "priority too high", "empty", "no such day"],
)
def test_it_copes_with_what_devices_send(raw: str, host: str, program: str, text: str) -> None:
    message = parse(raw.encode(), NOW, SHANGHAI)
    if "%%01IFNET" not in raw:
        assert (message.host, message.program, message.text) == (host, program, text)
    else:
        assert (message.host, message.msgid) == (host, "IFNET-4-LINK_STATE")


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_chinese_text_arrives_in_both_charsets(charset: str) -> None:
    assert "用户登录失败" in parse("<34>Jan  1 00:00:00 fw1 audit: 用户登录失败".encode(charset), NOW).text


def test_control_characters_become_visible_and_forge_no_line() -> None:
    message = parse(b"<34>Jan  1 00:00:00 h p: a\nFake line\x1b[31m\x00 \xe2\x80\xae", NOW)
    assert message.text == "a\\x0aFake line\\x1b[31m\\x00 \\u202e"


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_the_parser_fail(raw: bytes) -> None:
    for data in (raw, b"<34>" + raw, b"<34>1 " + raw, b"<34>Jan  1 00:00:00 " + raw, b"<34>1 - - - - - [" + raw):
        message = parse(data, NOW)
        assert message.text == visible(message.text)
        assert fields(message)["event.dataset"] == "syslog"
        meaning(message.program, message.text, table())


@pytest.mark.parametrize(
    "pattern", [row for rows in [read_table(Path("collectors/events/patterns.yaml"))] for row in rows], ids=lambda row: f"{row.kind}-{row.program[0]}"
)
def test_every_row_fits_its_example(pattern: object) -> None:
    assert isinstance(pattern, Pattern)
    program = "" if pattern.program == ("*",) else pattern.program[0]
    assert meaning(program, pattern.example, table())[0] == pattern.kind


def test_a_failed_login_names_user_and_source() -> None:
    kind, found = meaning("sshd", "Failed password for invalid user root from 6.6.6.6 port 1 ssh2 from 203.0.113.9 port 51122 ssh2", table())
    assert kind == "login_failed"
    assert (found["source.ip"], found["source.port"], found["event.outcome"]) == ("203.0.113.9", 51122, "failure")
    assert found["user.name"] == "root from 6.6.6.6 port 1 ssh2"


def test_a_long_hostile_line_costs_little() -> None:
    lines = ["%%01SSH/4/SSH_FAIL " + "user=" * 3000, "%LINK-3-UPDOWN: Interface " * 500, "authentication failure; rhost=" * 300]
    begun = time.process_time()
    for line in lines:
        for program in ("sshd", "login", "sudo", "x"):
            meaning(program, line, table())
    assert time.process_time() - begun < 1.0


def test_a_broken_table_is_reported_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("- {kind: a, program: [x], pattern: 'a', example: a}\n- {kind: b, program: [x], pattern: '(', example: a}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_table(path)
    assert str(caught.value).startswith(f"{path}:2: 1.pattern")
    assert by_program([]) == {}


def frames(*pieces: bytes, limit: int = 100) -> list[Frame]:
    reader = Frames(limit)
    return [frame for piece in pieces for frame in reader.feed(piece)] + list(reader.end())


def test_both_framings_may_follow_each_other_on_one_connection() -> None:
    assert frames(b"<1>one\n12 <2>two\nlines<3>three\r\n0 x\n<4>fo", b"ur") == [
        Frame(b"<1>one"),
        Frame(b"<2>two\nlines"),
        Frame(b"<3>three"),
        Frame(b"0 x"),
        Frame(b"<4>four"),
    ]


def test_a_newline_inside_a_counted_frame_is_taken_off_its_end() -> None:
    assert frames(b"7 <1>abc\n7 <1>def\n") == [Frame(b"<1>abc"), Frame(b"<1>def")]


@given(
    st.lists(st.binary(min_size=1, max_size=50).map(lambda raw: b"<1>" + raw.replace(b"\n", b"").replace(b"\0", b"").rstrip(b"\r") + b"."), max_size=8),
    st.randoms(),
)
def test_it_makes_no_difference_where_the_stream_is_cut_into_pieces(messages: list[bytes], random: object) -> None:
    assert isinstance(random, Random)
    stream = b"".join(b"%d %s" % (len(item), item) if random.random() < 0.5 else item + b"\n" for item in messages)
    cuts = sorted(random.randrange(len(stream) + 1) for _ in range(5))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [frame.data for frame in frames(*pieces)] == messages


def test_an_endless_line_is_cut_and_the_next_one_is_whole() -> None:
    found = frames(b"<1>" + b"x" * 250, b"x" * 1000, b"\n<2>next\n")
    assert [(len(frame.data), frame.is_cut) for frame in found] == [(100, True), (7, False)]


def test_a_counted_frame_above_the_limit_is_cut_and_skipped() -> None:
    found = frames(b"1000 <1>" + b"x" * 500, b"x" * 497 + b"7 <2>next")
    assert [(len(frame.data), frame.is_cut) for frame in found] == [(100, True), (7, False)]


def test_an_absurd_length_ends_the_connection() -> None:
    with pytest.raises(BadFrame):
        frames(b"99999999999 <1>x")
