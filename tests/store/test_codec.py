"""Blocks give back every bit, whatever went in; a flipped bit is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.embedded.codec import DAY_MS, HOUR_MS, Broken, decode_block, decode_hot, decode_rolls, encode_block, encode_hot, encode_roll
from store.embedded.compaction import roll_up

DAY = 20_000
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)
DECIMALS = st.integers(-(10**12), 10**12).flatmap(lambda n: st.sampled_from([n / 10**d for d in range(8)]))
VALUES = st.one_of(
    st.lists(FLOATS, min_size=1, max_size=60), st.lists(DECIMALS, min_size=1, max_size=60), st.lists(st.sampled_from([0.0, -0.0, 1.0]), min_size=1)
)


@given(VALUES, st.sampled_from([1, 60_000, 0]), st.integers(0, 1000))
def test_a_block_comes_back_bit_for_bit(numbers: list[float], period: int, start: int) -> None:
    value = np.array(numbers, np.float64)
    steps = np.full(len(value), period) if period else np.random.default_rng(start).integers(1, DAY_MS // len(value), len(value))
    ts = DAY * DAY_MS + start + np.cumsum(steps) - steps[0]
    times, values = decode_block(DAY, encode_block(ts.astype(np.int64), value))
    assert times.tolist() == ts.tolist()
    assert values.view(np.int64).tolist() == value.view(np.int64).tolist()


def test_usual_series_need_few_bytes() -> None:
    random = np.random.default_rng(3)
    ts = DAY * DAY_MS + np.arange(1440, dtype=np.int64) * 60_000
    walk = np.round(50 + np.cumsum(random.normal(0, 0.5, 1440)), 2)
    counter = np.cumsum(random.integers(0, 1000, 1440)).astype(np.float64)
    for value, limit in ((walk, 1.6), (counter, 1.8), (np.full(1440, 7.25), 0.05), (random.normal(0, 1, 1440), 7.6)):
        assert len(encode_block(ts, value)) / 1440 < limit


def test_every_flipped_bit_of_a_block_is_noticed() -> None:
    data = encode_block(DAY * DAY_MS + np.arange(50, dtype=np.int64) * 60_000, np.random.default_rng(1).normal(0, 1, 50))
    for at in range(2, len(data)):
        with pytest.raises(Broken):
            decode_block(DAY, data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :])


def test_every_flipped_bit_and_every_cut_of_a_hot_row_is_noticed() -> None:
    sid, ts, value = np.array([1, 2, 3]), np.array([5, 4, 6]) + DAY * DAY_MS, np.array([0.1, 2.0, -3.5])
    data = encode_hot(sid, ts, value)
    back = decode_hot(data)
    assert [part.tolist() for part in back] == [sid.tolist(), ts.tolist(), value.tolist()]
    for at in range(len(data)):
        with pytest.raises(Broken):
            decode_hot(data[:at])
        with pytest.raises(Broken):
            decode_hot(data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :])


def test_a_rollup_says_what_the_samples_of_each_hour_say() -> None:
    ts = DAY * DAY_MS + np.array([0, 60_000, 3 * HOUR_MS, 23 * HOUR_MS + 5], np.int64)
    (hours,) = decode_rolls([encode_roll(roll_up(ts, np.array([1.5, -2.0, 7.0, 9.0])))])
    assert hours["n"].tolist() == [2, 0, 0, 1, *[0] * 19, 1]
    assert [hours[0][part] for part in ("sum", "min", "max", "last", "last_at")] == [-0.5, -2.0, 1.5, -2.0, 60_000]
    assert (hours[23]["last"], hours[23]["last_at"]) == (9.0, 5)
