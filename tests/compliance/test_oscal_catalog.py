from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compliance.exchange.oscal_catalog import framework, read_profile
from compliance.site_frameworks import read_frameworks
from core.errors import ConfigError
from service.frameworks import CLASSIFIED, brought, checked, fresh, listed

UUID = "1c7f1c4e-5a8f-4d57-9f5f-0d9a8f0f2b11"


def control(name: str, title: str, *sentences: str, **more: Any) -> dict[str, Any]:
    """A control in the form in which NIST publishes them."""
    parts = [
        {"id": f"{name}_smt.{letter}", "name": "item", "props": [{"name": "label", "value": f"{letter}."}], "prose": said}
        for letter, said in zip("abc", sentences, strict=False)
    ]
    statement = {"id": f"{name}_smt", "name": "statement", "parts": parts}
    guidance = {"id": f"{name}_gdn", "name": "guidance", "prose": "Why this is asked."}
    return {"id": name, "class": "SP800-53", "title": title, "props": [{"name": "label", "value": name.upper()}], "parts": [statement, guidance], **more}


def catalog() -> dict[str, Any]:
    life = {"id": "ac-2_prm_1", "label": "time period"}
    gone = control("ac-2.9", "Shared accounts", "old", props=[{"name": "status", "value": "withdrawn"}])
    accounts = control("ac-2", "Account management", "Name the kinds of accounts.", "Disable accounts within {{ insert: param, ac-2_prm_1 }}.", params=[life])
    accounts["controls"] = [control("ac-2.1", "Automated account management", "Support it by tools."), gone]
    groups = [
        {"id": "ac", "class": "family", "title": "Access Control", "controls": [control("ac-1", "Policy", "Write it."), accounts]},
        {
            "id": "au",
            "class": "family",
            "title": "Audit",
            "groups": [{"id": "au-x", "title": "Records", "controls": [control("au-2", "Event logging", "Log events.")]}],
        },
    ]
    head = {"title": "Controls of a house", "last-modified": "2026-01-01T00:00:00Z", "version": "5.1", "oscal-version": "1.2.1"}
    return {"catalog": {"uuid": UUID, "metadata": head, "groups": groups}}


def profile(**imports: Any) -> bytes:
    settings = {"set-parameters": [{"param-id": "ac-2_prm_1", "values": ["24 hours"]}]}
    head = {"title": "Moderate", "last-modified": "2026-01-01T00:00:00Z", "version": "1", "oscal-version": "1.2.1"}
    return json.dumps({"profile": {"uuid": UUID, "metadata": head, "imports": [{"href": "#catalog", **imports}], "modify": settings}}).encode()


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_groups_become_layers_and_controls_with_their_enhancements_items(tmp_path: Path) -> None:
    source = written(tmp_path, "catalog.json", json.dumps(catalog()).encode())
    (said,) = brought(source, None, "house", tmp_path / "site")
    assert "2 layers, 4 items" in said
    found = read_frameworks(tmp_path / "site")
    assert not found.problems
    house = found.by_id["house"]
    assert (house.standard, [layer.en for layer in house.layers]) == ("Controls of a house 5.1", ["Access Control", "Audit"])
    items = {item.id: item for item in house.items}
    assert list(items) == ["ac-1", "ac-2", "ac-2.1", "au-2"]
    assert items["ac-2"].en == "a. Name the kinds of accounts.\nb. Disable accounts within [time period]."
    assert items["ac-2.1"].control_point_en == "Account management"
    assert (items["au-2"].layer, items["au-2"].control_point, items["au-2"].auto) == ("Audit", "Records", "manual")
    assert items["ac-2"].clauses["3"] == "AC-2"
    assert "house (house): Controls of a house / Controls of a house, 4 items" in list(listed(tmp_path / "site"))


def test_a_profile_chooses_and_sets_parameters() -> None:
    text = json.dumps(catalog()).encode()
    chosen = read_profile(profile(**{"include-controls": [{"with-ids": ["ac-2", "au-2"]}], "exclude-controls": [{"with-ids": ["au-2"]}]}), "p.json")
    made = framework(text, "c.json", name="house", chosen=chosen)
    assert [item["id"] for item in made["items"]] == ["ac-2"]
    assert made["items"][0]["en"].endswith("Disable accounts within 24 hours.")
    everything = read_profile(profile(**{"include-all": {}, "exclude-controls": [{"with-ids": ["ac-1"]}]}), "p.json")
    assert [item["id"] for item in framework(text, "c.json", name="house", chosen=everything)["items"]] == ["ac-2", "ac-2.1", "au-2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<catalog/>", r"c.json: is no JSON"),
        (b"[1]", r"c.json: is no OSCAL catalog; it holds list"),
        (b'{"profile": {}}', r"is no OSCAL catalog; it holds profile"),
        (b'{"catalog": {"groups": [1]}}', r"groups: is no list of objects"),
        (b'{"catalog": {"groups": []}}', r"catalog: holds no control"),
        (b'{"catalog": {"controls": [{"title": "x"}]}}', r"a control has no id"),
        (b'{"catalog": ' + b'{"groups": [' * 60 + b"{}" + b"]}" * 60 + b"}", r"more than 20 deep"),
    ],
)
def test_what_is_no_catalogue_is_said(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        framework(content, "c.json", name="house")


def test_a_profile_that_asks_for_more_than_ids_is_refused() -> None:
    with pytest.raises(ConfigError, match="by pattern"):
        read_profile(profile(**{"include-controls": [{"matching": [{"pattern": "ac-*"}]}]}), "p.json")
    with pytest.raises(ConfigError, match="chooses no control"):
        read_profile(profile(**{"include-controls": []}), "p.json")
    chosen = read_profile(profile(**{"include-controls": [{"with-ids": ["zz-9", "ac-1"]}]}), "p.json")
    with pytest.raises(ConfigError, match="has no control zz-9"):
        framework(json.dumps(catalog()).encode(), "c.json", name="house", chosen=chosen)


def test_a_file_that_is_there_is_not_written_over_and_checks_are_named(tmp_path: Path) -> None:
    list(fresh(CLASSIFIED, tmp_path))
    with pytest.raises(ConfigError, match="is there already"):
        list(fresh(CLASSIFIED, tmp_path))
    path = tmp_path / "frameworks" / "classified.yaml"
    assert list(checked(path, tmp_path)) == [f"{path}: classified, 1 layers, 0 items, 0 of them with checks"]
    item = "items:\n  - {id: X-1, layer: fill-in, point: {zh: 甲, en: a}, zh: 甲, en: a, checks: [no-such]}\n"
    path.write_text(path.read_text(encoding="utf-8").replace("items: []\n", item), encoding="utf-8")
    assert list(checked(path, tmp_path))[1] == f"{path}: nobody has the check no-such"
