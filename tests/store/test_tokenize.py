"""How text is cut into words."""

from __future__ import annotations

import pytest

from store.tokenize import phrases, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Failed password for ROOT", ["failed", "password", "for", "root"]),
        ("10.0.0.7:22 v1.2 a.b", ["10.0.0.7", "22", "v1", "2", "a", "b"]),
        ("eth0_1 if-index", ["eth0_1", "if", "index"]),
        ("磁盘95%已满", ["磁", "盘", "95", "已", "满"]),
        ("サーバー 서버", ["サ", "ー", "バ", "ー", "서", "버"]),
        ("Ünï\x00cödé", ["ünï", "cödé"]),
        ("", []),
        ("… — 。", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert tokenize(text) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [("磁盘 空间", [["磁", "盘"], ["空", "间"]]), ("磁盘full空", [["磁", "盘"], ["full"], ["空"]]), ("a b", [["a"], ["b"]]), ("", [])],
)
def test_neighbouring_chinese_characters_are_a_phrase(text: str, expected: list[list[str]]) -> None:
    assert list(phrases(text)) == expected
