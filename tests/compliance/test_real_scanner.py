"""What OpenSCAP itself writes about a file on this machine becomes a verdict."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compliance.exchange.xccdf import of_target, read
from tests.peers.program import program

XCCDF = """<?xml version="1.0" encoding="UTF-8"?>
<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="xccdf_own_benchmark_x" resolved="1">
  <status>draft</status><version>1</version>
  {rules}
</Benchmark>
"""
RULE = """<Rule id="xccdf_own_rule_{name}" selected="{selected}"><title>x</title>
  <check system="http://oval.mitre.org/XMLSchema/oval-definitions-5"><check-content-ref href="oval.xml" name="oval:own:def:{number}"/></check></Rule>"""
OVAL = """<?xml version="1.0" encoding="UTF-8"?>
<oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5" xmlns:oval="http://oval.mitre.org/XMLSchema/oval-common-5"
  xmlns:ind="http://oval.mitre.org/XMLSchema/oval-definitions-5#independent">
  <generator><oval:schema_version>5.11</oval:schema_version><oval:timestamp>2026-01-01T00:00:00</oval:timestamp></generator>
  <definitions>{definitions}</definitions><tests>{tests}</tests><objects>{objects}</objects>
</oval_definitions>
"""
DEFINITION = """<definition class="compliance" id="oval:own:def:{n}" version="1"><metadata><title>x</title><description>x</description></metadata>
  <criteria><criterion test_ref="oval:own:tst:{n}"/></criteria></definition>"""
TEST = """<ind:textfilecontent54_test id="oval:own:tst:{n}" version="1" check="all" check_existence="at_least_one_exists" comment="x">
  <ind:object object_ref="oval:own:obj:{n}"/></ind:textfilecontent54_test>"""
OBJECT = """<ind:textfilecontent54_object id="oval:own:obj:{n}" version="1"><ind:filepath>{path}</ind:filepath>
  <ind:pattern operation="pattern match">^{pattern}$</ind:pattern><ind:instance datatype="int">1</ind:instance></ind:textfilecontent54_object>"""


@pytest.mark.parametrize("option", ["--results", "--results-arf"])
def test_a_scan_of_openscap_is_read_as_it_is_written(tmp_path: Path, option: str) -> None:
    (tmp_path / "sshd").write_text("PermitRootLogin yes\nMaxAuthTries 3\n", encoding="utf-8")
    asked = {"no_root": "PermitRootLogin no", "tries": "MaxAuthTries 3", "left": "x"}
    rules = "".join(RULE.format(name=name, number=n, selected="false" if name == "left" else "true") for n, name in enumerate(asked, 1))
    parts = {"definitions": DEFINITION, "tests": TEST, "objects": OBJECT}
    made = {key: "".join(form.format(n=n, path=tmp_path / "sshd", pattern=text) for n, text in enumerate(asked.values(), 1)) for key, form in parts.items()}
    (tmp_path / "oval.xml").write_text(OVAL.format(**made), encoding="utf-8")
    (tmp_path / "x.xml").write_text(XCCDF.format(rules=rules), encoding="utf-8")
    command = [program("oscap"), "xccdf", "eval", option, str(tmp_path / "out.xml"), str(tmp_path / "x.xml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr  # two: some rule fails
    (run,) = of_target(read((tmp_path / "out.xml").read_bytes(), "out.xml"))
    assert run.results == {"no_root": "fail", "tries": "pass", "left": "notselected"}
    assert abs(run.ended - datetime.now(UTC)) < timedelta(minutes=10)
    assert "openscap" in run.tool
    assert run.targets
