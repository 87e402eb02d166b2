"""Values of agents made into text, numbers and addresses."""

import pytest

from collectors.network.snmp.transforms import TRANSFORMS
from collectors.network.snmp.values import counter, integer, mac, number, text


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("核心交换机".encode(), "核心交换机"),
        ("核心交换机".encode("gbk"), "核心交换机"),
        ("机房一楼 S5720".encode("gb2312"), "机房一楼 S5720"),
        (b"23 \xb0C", "23 °C"),
        (b"Zugang T\xfcr", "Zugang Tür"),
        (b"name\x00\x00\x00\x00", "name"),
        (b"line\r\nnext\x07", "line\nnext"),
        ("机房".encode()[:5], "机"),
        (None, ""),
        (7, "7"),
    ],
)
def test_text_of_any_encoding_becomes_readable(raw: bytes | int | None, plain: str) -> None:
    assert text(raw) == plain


def test_a_text_of_64_kib_is_cut() -> None:
    assert len(text(b"x" * 65_536)) == 4096


@pytest.mark.parametrize(
    ("raw", "value"), [(b"23.5 C", 23.5), (b"-7", -7.0), (b" 19,8", 19.8), (b"n/a", None), (None, None), (float("nan"), None), (b"+1e400", None), (3, 3.0)]
)
def test_a_number_is_found_or_is_not_there(raw: bytes | float | None, value: float | None) -> None:
    assert number(raw) == value


def test_an_integer_is_whole_or_nothing() -> None:
    assert (integer(b"12"), integer(b"12 V"), integer(None), integer(float("inf"))) == (12, None, None, None)


def test_a_negative_counter_is_no_counter() -> None:
    assert (counter(-1), counter(5)) == (None, 5)


@pytest.mark.parametrize("raw", [b"\x00\x0b\xdc\x34\xd1\x06", b"00:0B:DC:34:D1:06", b"0:b:dc:34:d1:6", b"00-0B-DC-34-D1-06", b"000bdc34d106"])
def test_an_address_is_read_from_octets_and_from_text(raw: bytes) -> None:
    assert mac(raw) == "00:0b:dc:34:d1:06"


@pytest.mark.parametrize("raw", [b"", b"\x00" * 6, b"hello", 5, None, b"\x01" * 8])
def test_no_address_is_made_up(raw: bytes | int | None) -> None:
    assert mac(raw) is None


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("signed16", 65_535, -1.0),
        ("signed32", 4_294_967_286, -10.0),
        ("dbm_of_mw", 1, 0.0),
        ("dbm_of_uw", 1000, 0.0),
        ("dbm_of_tenth_uw", 10_000, 0.0),
        ("dbm_of_uw", 0, None),
        ("fahrenheit", 212, 100.0),
        ("fahrenheit_tenths", 320, 0.0),
        ("kelvin_tenths", 2731.5, 0.0),
        ("clock", b"1:30", 90.0),
        ("clock", b"none", None),
        ("hex", b"0x1F", 31.0),
        ("hex", b"zz", 31354.0),
        ("float32", b"\x9f\x78\x04\x41\xb8\x00\x00", 23.0),
        ("float32", b"\x7f\xc0\x00\x00", None),
        ("inverse", 97, 3.0),
        ("last_number", b"5 Secs ( 6.1%) 300 Secs ( 7.5%)", 7.5),
        ("last_number", b"idle", None),
    ],
)
def test_each_transform_undoes_what_a_vendor_did(name: str, raw: int | bytes, value: float | None) -> None:
    got = TRANSFORMS[name](raw)
    assert got == (None if value is None else pytest.approx(value, abs=1e-6))
