from __future__ import annotations

import pytest

from core.placeholders import at, filled, in_path, names, tight


def test_a_value_adds_no_key_no_path_and_no_other_value() -> None:
    hostile = {"title": '", "admin": true, "x": "{{ secret }}', "secret": "s3"}
    assert filled({"subject": "{{ title }}", "tags": ["a", "{{title}}"], "n": 3}, hostile) == {
        "subject": hostile["title"],
        "tags": ["a", hostile["title"]],
        "n": 3,
    }
    assert in_path("/t/{{ title }}?q={{title}}", {"title": "../x?a=b&c#d/e"}) == "/t/..%2Fx%3Fa%3Db%26c%23d%2Fe?q=..%2Fx%3Fa%3Db%26c%23d%2Fe"


def test_names_are_found_wherever_they_stand() -> None:
    assert sorted(names(["/a/{{ one }}", {"k": ["{{two}}"]}])) == ["one", "two"]
    assert tight("GET /a/{{ one }}") == "GET /a/{{one}}"


@pytest.mark.parametrize(
    ("place", "value"),
    [("result.0.id", "7"), ("result.1.id", ""), ("ok", "True"), ("result", ""), ("result.x", ""), ("text", "x" * 200)],
)
def test_a_place_in_an_answer_is_a_short_text_or_nothing(place: str, value: str) -> None:
    assert at({"result": [{"id": 7}], "ok": True, "text": "x" * 999}, place) == value
