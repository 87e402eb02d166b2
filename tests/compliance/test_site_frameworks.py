from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.dossier import gather
from compliance.office import Office
from compliance.prove import NOW
from compliance.register import save_object
from compliance.reports.content import Table
from compliance.reports.kinds import make
from compliance.rollup import Conformity
from compliance.site_frameworks import read_framework, read_frameworks, unknown_checks
from compliance.views import by_old_layers, units
from core.errors import ConfigError, NotFound
from core.settings import Settings
from service.auditing import Auditing
from tests.compliance.conftest import ASSETS, CHECKS, OFFICER, SUBJECT, ZONE, Judged

BASELINE = """
id: bureau-baseline-2026
family: bureau-baseline
name: {zh: 本局安全基线, en: Baseline of the bureau}
valid_from: 2026-01-01
layers:
  - {code: acc, zh: 账号, en: Accounts}
  - {code: org, zh: 组织, en: Organisation}
items:
  - {id: BL-01, layer: acc, point: {zh: 登录, en: Login}, zh: 不允许 root 远程登录, en: No remote root, checks: [lnx-ssh-root], decides: telemetry}
  - {id: BL-02, layer: acc, point: {zh: 口令, en: Passwords}, zh: 口令符合等保要求, en: Passwords as graded protection asks, same_as: [G.CES.IA.1]}
  - {id: BL-03, layer: org, point: {zh: 值班, en: Duty}, zh: 有值班制度, en: There is a rule for duty, clause: "3.1"}
"""


def site(folder: Path, text: str = BASELINE, name: str = "baseline.yaml") -> Path:
    (folder / "frameworks").mkdir(exist_ok=True)
    (folder / "frameworks" / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_a_framework_of_the_site_is_judged_by_its_checks_and_by_those_of_items_it_equals(judged: Judged, tmp_path: Path) -> None:
    framework = read_frameworks(site(tmp_path)).at("bureau-baseline", NOW.date())
    dossier = gather(judged.store, CHECKS, SUBJECT, ASSETS, moment=NOW, now=NOW, zone=ZONE, framework=framework)
    assert [item.id for item in dossier.items] == ["BL-01", "BL-02", "BL-03"]
    assert dossier.by_asset["BL-01"]["web1"].conformity is Conformity.CONFORMS
    assert dossier.by_asset["BL-01"]["web2"].conformity is Conformity.FAILS
    assert dossier.results["BL-01"].conformity is Conformity.PARTIAL
    assert "lnx-pwd-length" in dossier.results["BL-02"].checks
    assert dossier.results["BL-03"].by == "nobody"
    assert dossier.scheme == "rate"
    assert {risk.item for risk in dossier.risks} >= {"BL-01"}
    assert all(risk.case is None for risk in dossier.risks)


@pytest.mark.slow
def test_its_reports_bear_its_name_and_hold_its_items(judged: Judged, tmp_path: Path) -> None:
    framework = read_frameworks(site(tmp_path)).at("bureau-baseline", NOW.date())
    dossier = gather(judged.store, CHECKS, SUBJECT, ASSETS, moment=NOW, now=NOW, zone=ZONE, framework=framework)
    content = make("assessment", dossier, "zh_CN", whole=True)
    assert content.title == "本局安全基线自评估报告"
    assert ("依据标准", "本局安全基线") in content.cover
    tables = {block.sheet: block for block in content.blocks if isinstance(block, Table) and block.sheet}
    assert [str(row[0]).split("\n")[0] for row in tables["账号"].rows] == ["BL-01", "BL-02"]
    assert "2008 五层面" not in tables
    assert "等级保护" not in "".join(str(block) for block in make("units", dossier, "zh_CN", whole=True).blocks[:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("layer: org", "layer: orgg"), r"baseline.yaml:12: items.2.layer: orgg is no layer"),
        (("BL-03", "BL-01"), r"baseline.yaml:12: items.2.id: the item BL-01 stands twice"),
        (("BL-03", "G.CES.IA.1"), r"items.2.id: the item G.CES.IA.1 is one of GB/T 22239"),
        (("same_as: [G.CES.IA.1]", "same_as: [G.CES.IA.9]"), r"baseline.yaml:11: items.1.same_as: G.CES.IA.9 is no item"),
        (('clause: "3.1"', "decides: telemetry"), r"baseline.yaml:12: items.2.decides: telemetry cannot decide"),
        (('clause: "3.1"', 'cluase: "3.1"'), r"baseline.yaml:12: items.2.cluase"),
        (("family: bureau-baseline", "family: mlps"), r"baseline.yaml:3: family: mlps is the name"),
        (("valid_from: 2026-01-01", "valid_from: 2026-01-01\nvalid_to: 2025-01-01"), r"baseline.yaml:6: valid_to: ends before"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in BASELINE
    found = read_frameworks(site(tmp_path, BASELINE.replace(*change)))
    assert list(found.by_id) == ["mlps-2019"]
    with pytest.raises(ConfigError, match=message):
        raise found.problems[0]


def test_the_version_in_force_on_the_day_of_the_report_is_used(tmp_path: Path) -> None:
    site(tmp_path)
    newer = BASELINE.replace("bureau-baseline-2026", "bureau-baseline-2027").replace("2026-01-01", "2027-01-01")
    found = read_frameworks(site(tmp_path, newer, "next.yaml"))
    assert not found.problems
    assert found.at("bureau-baseline", date(2026, 12, 31)).id == "bureau-baseline-2026"
    assert found.at("bureau-baseline", date(2027, 1, 1)).id == "bureau-baseline-2027"
    assert found.at("mlps", date(2026, 1, 1)).id == "mlps-2019"
    with pytest.raises(NotFound, match="no version of the framework bureau-baseline was in force on 2025-12-31"):
        found.at("bureau-baseline", date(2025, 12, 31))
    with pytest.raises(NotFound, match="there is no framework 'iso'; there are mlps, bureau-baseline"):
        found.at("iso", date(2026, 1, 1))


def test_one_id_in_two_files_counts_once_and_is_told(tmp_path: Path) -> None:
    found = read_frameworks(site(site(tmp_path), BASELINE, "twice.yaml"))
    assert len(found.by_id) == 2
    assert "is in another file already" in str(found.problems[0])


def test_a_check_that_nobody_has_is_named(tmp_path: Path) -> None:
    path = site(tmp_path, BASELINE.replace("lnx-ssh-root", "lnx-ssh-toor")) / "frameworks" / "baseline.yaml"
    assert unknown_checks(read_framework(path), {check.id: check for check in CHECKS}) == ["lnx-ssh-toor"]


def test_cases_of_the_guide_are_those_in_force_on_the_day(tmp_path: Path) -> None:
    framework = read_frameworks(tmp_path).at("mlps", NOW.date())
    assert len(framework.cases_at(date(2025, 3, 20))) == 81
    assert framework.cases_at(date(2025, 3, 19)) == ()


@pytest.mark.slow
def test_units_of_28448_stand_in_the_order_of_the_standard_each_once(judged: Judged) -> None:
    found = units(judged.dossier())
    assert len(found) == len({one.number for one in found}) == 211
    assert (found[0].number, found[0].item.id) == ("L3-PES1-01", "G.PES.LOC.1")


@pytest.mark.slow
def test_the_five_layers_of_2008_tell_hosts_devices_and_applications_apart(judged: Judged) -> None:
    found = {(one.layer.zh, one.point.zh): one for one in by_old_layers(judged.dossier())}
    assert len({layer for layer, _ in found}) == 5
    host, network = found["主机安全", "访问控制"], found["网络安全", "网络设备防护"]
    assert host.conformity is Conformity.PARTIAL
    assert all(check.startswith("lnx-") for result in host.items for check in result.checks)
    assert network.conformity in (Conformity.UNKNOWN, Conformity.NOT_APPLICABLE)
    assert len(found["物理安全", "防火"].items) == 3


@pytest.mark.slow
def test_an_object_of_a_framework_that_is_gone_is_told_and_the_others_are_judged(fresh: Judged, tmp_path: Path) -> None:
    office = Office(fresh.store, Settings(data=tmp_path))
    save_object(fresh.store, SUBJECT, "li", OFFICER, NOW)
    save_object(fresh.store, SUBJECT.model_copy(update={"id": "lost", "framework": "gone", "label": "秘密"}), "li", OFFICER, NOW)
    found = office.register()
    assert list(found.objects) == ["oa"]
    assert [str(problem) for problem in found.problems] == ["lost.framework: there is no framework 'gone'; there are mlps"]
    assert office.subject("").label == "秘密"
    tomorrow = f"valid_from: {NOW.date() + timedelta(days=2)}"
    office.settings.site_folder.mkdir()
    site(office.settings.site_folder, BASELINE.replace("valid_from: 2026-01-01", tomorrow))
    save_object(fresh.store, SUBJECT.model_copy(update={"id": "early", "framework": "bureau-baseline"}), "li", OFFICER, NOW)
    auditing = Auditing(office, settle=timedelta())
    auditing.round(NOW)
    ((_, noted),) = evidence.notes(fresh.store.documents, evidence.DAYS)
    assert list(noted["objects"]) == ["oa"]
