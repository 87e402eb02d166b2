from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from compliance.objects import Progress, steps
from compliance.register import read_register
from simulator.estate import SHIPPED, load_estate
from simulator.objects import write_objects
from store.open import open_store

TODAY = date(2026, 3, 2)


def test_the_bureaus_objects_are_a_register_that_the_product_reads(tmp_path: Path) -> None:
    estate = load_estate(SHIPPED)
    write_objects(tmp_path / "site", estate, TODAY)
    store = open_store("embedded", tmp_path / "data", "service")
    found = read_register(store, tmp_path / "site")
    store.close()
    assert found.problems == ()
    assert set(found.objects) == {"platform", *(system.id for system in estate.systems if system.level >= 3 or system.filed)}
    late = {step.name for step in steps(found.objects["platform"], TODAY) if step.progress is Progress.OVERDUE}
    assert late == {"assessed"}


def test_dates_once_written_stay(tmp_path: Path) -> None:
    estate = load_estate(SHIPPED)
    text = write_objects(tmp_path, estate, TODAY).read_text(encoding="utf-8")
    assert write_objects(tmp_path, estate, TODAY + timedelta(days=30)).read_text(encoding="utf-8") == text
