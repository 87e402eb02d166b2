"""Scenario files: one broken document does not take the others along, and places are told."""

from service.alerting.scenario import run_text

GOOD = "scenario: Good\nsteps: [{at: 0, expect: {incidents: []}}]\n"


def test_a_document_that_is_no_yaml_fails_alone() -> None:
    first, second, third = run_text(f"{GOOD}---\nscenario: Twice\nsteps: []\nsteps: []\n---\n{GOOD.replace('Good', 'Fine')}", "f.yaml")
    assert (first.passed, second.passed, third.passed) == (True, False, True)
    assert "f.yaml:6" in second.message
    assert "'steps' stands twice" in second.message


def test_a_key_twice_is_a_refusal_that_a_scenario_can_expect() -> None:
    (outcome,) = run_text("scenario: Twice\nload: refused\nrules: []\nrules: []\n", "f.yaml")
    assert outcome.passed


def test_the_same_name_twice_in_a_file_is_an_error() -> None:
    first, second = run_text(f"{GOOD}---\n{GOOD}", "f.yaml")
    assert first.passed
    assert second.message == "the name stands twice in this file"


def test_what_is_expected_and_what_came_is_told() -> None:
    (outcome,) = run_text("scenario: One\nsteps: [{at: 5, expect: {incident_count: 1}}]\n", "f.yaml")
    assert outcome.message == "at 5: incident_count: expected 1 got 0"


def test_an_unknown_key_is_told_with_its_line() -> None:
    (outcome,) = run_text("scenario: One\nrules:\n  - id: r\n    severty: high\n", "f.yaml")
    assert "f.yaml:4" in outcome.message
    assert "severty" in outcome.message
