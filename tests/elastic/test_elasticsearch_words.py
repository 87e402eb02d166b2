"""The server cuts text into the same words as the embedded store, so that a search means the same on both."""

from __future__ import annotations

import random

import pytest

from store.elastic import schema
from store.tokenize import tokenize
from tests.elastic.conftest import Place

TEXTS = [
    "Failed password for root from 10.0.0.1 port 22 ssh2",
    "磁盘/data已满95.5% 请处理",
    "foo_bar-BAZ.qux v1.2.3-rc1 0x1F user@example.org C:\\Windows\\System32",
    "水质自动监测站 NH3-N 超标0.15mg/L，第3次",
    "ひらがなカタカナ 한국어 ｶﾀｶﾅ 𠀀𠮷野家",
    "Ärger Straße ÉCOLE naïve Ωmega Привет",
    "..1.2..3. 1. .5 ____ --- \t\n",
    "",
]


def words_of(place: Place, text: str) -> list[str]:
    analysis = schema.settings(0)["template"]["settings"]["index"]["analysis"]
    asked = {"tokenizer": analysis["tokenizer"]["wanglou"], "filter": analysis["analyzer"]["wanglou"]["filter"], "text": text}
    return [token["token"] for token in place.link.call("POST", "/_analyze", asked)["tokens"]]


@pytest.mark.peer
@pytest.mark.parametrize("text", TEXTS)
def test_both_stores_see_the_same_words(place: Place, text: str) -> None:
    assert words_of(place, text) == tokenize(text)


@pytest.mark.peer
def test_both_stores_see_the_same_words_in_mixed_up_text(place: Place) -> None:
    source = random.Random(7)
    alphabet = "abzAZ019._- /:磁盘满ひカ한々〇é𠀀\u3400\ufa0e，。"
    for _ in range(40):
        text = "".join(source.choice(alphabet) for _ in range(200))
        assert words_of(place, text) == tokenize(text)
