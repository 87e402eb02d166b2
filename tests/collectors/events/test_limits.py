"""What one source may send."""

from collectors.events.limits import MAX_SOURCES, SourceLimits, Storm


def test_a_burst_passes_and_then_the_rate() -> None:
    limits = SourceLimits(2, 10)
    assert [limits.allow("a", 0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [limits.allow("a", 1) for _ in range(3)] == [True, True, False]
    assert limits.allow("b", 1)
    assert (limits.held, limits.worst(5)) == (3, [("a", 3)])


def test_a_storm_is_over_when_the_source_has_been_quiet_for_long_enough() -> None:
    limits = SourceLimits(2, 10)
    for _ in range(15):
        limits.allow("a", 0)
    assert limits.storm("a") == Storm("a", 0, 5)
    assert limits.ended(4.9) == []
    assert limits.ended(5) == [Storm("a", 0, 5)]
    assert (limits.ended(6), limits.storm("a")) == ([], None)


def test_no_rate_holds_nothing_back() -> None:
    limits = SourceLimits(0, 0)
    assert all(limits.allow("a", 0) for _ in range(10_000))


def test_made_up_sources_do_not_fill_the_memory() -> None:
    limits = SourceLimits(1, 1)
    for number in range(MAX_SOURCES + 100):
        limits.allow(f"10.{number}", 0)
        limits.allow(f"10.{number}", 0)
    assert len(limits.worst(10_000)) == MAX_SOURCES
    assert len(limits.ended(100)) == MAX_SOURCES
