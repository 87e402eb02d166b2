"""Samples as bytes: the hot row of one batch, the block of one series and day, the roll-up of 24 hours.

Times in a block are a constant period or the second differences; values are whichever is shorter of decimal fractions as differences of
integers and the bits of neighbouring doubles combined by exclusive or. Both are cut into byte planes before zlib, which then finds the
equal high bytes side by side. Every value comes back bit for bit.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
_LEVEL: Final = 3
_SIGNED: Final = ("<i1", "<i2", "<i4", "<i8")
_RAW, _XOR, _CONSTANT = 32, 33, 34
_PERIODIC, _DIFFERENCES = 0, 1
_MOST_DECIMALS: Final = 6
_EXACT: Final = float(1 << 53)
ROLL: Final = np.dtype([("n", "<u4"), ("last_at", "<u4"), ("sum", "<f8"), ("min", "<f8"), ("max", "<f8"), ("last", "<f8")])
HOURS: Final = 24


class Broken(ValueError):
    """Bytes that this module did not write, or that were changed since."""


def encode_hot(sid: Ints, ts: Ints, value: Floats) -> bytes:
    """One batch: checksum, first time, then the arrays one after the other."""
    base = int(ts.min())
    body = b"".join((base.to_bytes(8, "little"), sid.astype("<u4").tobytes(), (ts - base).astype("<u8").tobytes(), value.astype("<f8").tobytes()))
    return zlib.crc32(body).to_bytes(4, "little") + body


def decode_hot(data: bytes) -> tuple[Ints, Ints, Floats]:
    """Series ids, times in ms and values of ``encode_hot``; raises Broken."""
    if len(data) < 12 or (len(data) - 12) % 20 or zlib.crc32(data[4:]).to_bytes(4, "little") != data[:4]:
        raise Broken("a batch in the tail does not fit its checksum")
    n, base = (len(data) - 12) // 20, int.from_bytes(data[4:12], "little")
    sid = np.frombuffer(data, "<u4", n, 12).astype(np.int64)
    ts = np.frombuffer(data, "<u8", n, 12 + 4 * n).astype(np.int64) + base
    return sid, ts, np.frombuffer(data, "<f8", n, 12 + 12 * n)


def encode_block(ts: Ints, value: Floats) -> bytes:
    """One series and day: ``ts`` ascending without repeats, in ms since the epoch."""
    offset = ts - ts[0] // DAY_MS * DAY_MS
    steps = np.diff(offset)
    if len(steps) and not (steps == steps[0]).all():
        second = np.diff(steps, prepend=steps[:1])
        times, mark = _planes(_narrow(second)), _DIFFERENCES << 3 | _width(second)
    else:
        times, mark = b"", _PERIODIC << 3
    head = np.array([offset[0], steps[0] if len(steps) else 0, len(ts)], "<u4").tobytes()
    kind, first, values = _encode_values(value)
    return zlib.compress(bytes((mark, kind)) + head + first + times + values, _LEVEL)


def decode_block(day: int, data: bytes) -> tuple[Ints, Floats]:
    """Times in ms since the epoch and values; raises Broken."""
    try:
        return _decode_block(day, zlib.decompress(data))
    except (zlib.error, ValueError, IndexError) as err:
        raise Broken("a block does not fit its checksum") from err


def _decode_block(day: int, plain: bytes) -> tuple[Ints, Floats]:
    mark, kind = plain[0], plain[1]
    first, step, n = (int(part) for part in np.frombuffer(plain, "<u4", 3, 2))
    at = 22
    if mark >> 3 == _DIFFERENCES:
        width = 1 << (mark & 7)
        second = _unplanes(plain, at, n - 1, width)
        steps = np.cumsum(second) + step
        offset = np.empty(n, np.int64)
        offset[0], offset[1:] = 0, np.cumsum(steps)
        at += (n - 1) * width
    else:
        offset = np.arange(n, dtype=np.int64) * step
    return offset + (first + day * DAY_MS), _decode_values(kind, plain, at, n)


def _encode_values(value: Floats) -> tuple[int, bytes, bytes]:
    """(kind, 8 bytes of the first value, the rest). Kind: 4 bits of decimals and 2 of width, or one of the others."""
    bits = value.view(np.int64)
    first = bits[:1].astype("<i8").tobytes()
    if (bits == bits[0]).all():
        return _CONSTANT, first, b""
    decimals = _decimals(value)
    if decimals is not None:
        whole = np.rint(value * 10.0**decimals).astype(np.int64)
        change = np.diff(whole)
        return decimals << 2 | _width(change), whole[:1].astype("<i8").tobytes(), _planes(_narrow(change))
    combined = bits.copy()
    combined[1:] ^= bits[:-1]
    raw, xor = _planes(bits.copy()), _planes(combined)
    return (_RAW, first, raw) if len(zlib.compress(raw, 1)) < len(zlib.compress(xor, 1)) else (_XOR, first, xor)


def _decode_values(kind: int, plain: bytes, at: int, n: int) -> Floats:
    first = np.frombuffer(plain, "<i8", 1, 14)
    if kind == _CONSTANT:
        return np.repeat(first, n).view(np.float64)
    if kind in {_RAW, _XOR}:
        bits = _unplanes(plain, at, n, 8)
        return (np.bitwise_xor.accumulate(bits) if kind == _XOR else bits).view(np.float64)
    whole = np.empty(n, np.int64)
    whole[0] = first[0]
    whole[1:] = _unplanes(plain, at, n - 1, 1 << (kind & 3))
    np.cumsum(whole, out=whole)
    decimals = kind >> 2
    return whole / 10.0**decimals if decimals else whole.astype(np.float64)


def _decimals(value: Floats) -> int | None:
    """With how many decimals all values are written exactly; None when with more than six."""
    if not np.isfinite(value).all() or (np.abs(value) >= _EXACT / 10**_MOST_DECIMALS).any():
        return 0 if (np.abs(value) < _EXACT).all() and _same(np.rint(value).astype(np.int64).astype(np.float64), value) else None
    for decimals in range(_MOST_DECIMALS + 1):
        if _same(np.rint(value * 10.0**decimals).astype(np.int64) / 10.0**decimals, value):
            return decimals
    return None


def _same(a: Floats, b: Floats) -> bool:
    """Bit for bit; -0.0 is not 0.0."""
    return bool((a.view(np.int64) == b.view(np.int64)).all())


def _width(numbers: Ints) -> int:
    """0 to 3 for 1, 2, 4, 8 bytes."""
    most = int(np.abs(numbers).max()) if len(numbers) else 0
    return next(width for width in range(4) if most < 1 << (8 << width) - 1)


def _narrow(numbers: Ints) -> Array:
    return numbers.astype(_SIGNED[_width(numbers)])


def _planes(numbers: Array) -> bytes:
    """All first bytes, then all second bytes ..."""
    return numbers.view(np.uint8).reshape(len(numbers), numbers.itemsize).T.tobytes()


def _unplanes(plain: bytes, at: int, n: int, width: int) -> Ints:
    planes = np.frombuffer(plain, np.uint8, n * width, at).reshape(width, n)
    return np.ascontiguousarray(planes.T).view(f"<i{width}").reshape(n).astype(np.int64)


def encode_roll(hours: Array) -> bytes:
    """24 rows of ROLL, empty hours with n = 0."""
    return zlib.compress(hours.view(np.uint8).reshape(HOURS, ROLL.itemsize).T.tobytes(), _LEVEL)


def decode_rolls(found: list[bytes]) -> Array:
    """Many roll-ups at once, as rows x 24 of ROLL; raises Broken."""
    try:
        plain = b"".join([zlib.decompress(data) for data in found])
        planes = np.frombuffer(plain, np.uint8).reshape(len(found), ROLL.itemsize, HOURS)
    except (zlib.error, ValueError) as err:
        raise Broken("a roll-up does not fit its checksum") from err
    return np.ascontiguousarray(planes.transpose(0, 2, 1)).view(ROLL).reshape(len(found), HOURS)
