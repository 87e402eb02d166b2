"""What the Word templates of a site can name of a dossier, beside the report itself: texts in the report's language, numbers, lists. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compliance.dossier import Dossier
from compliance.objects import ProtectionObject
from compliance.reports import parts
from compliance.reports.content import Words
from compliance.rollup import Conformity

Data = dict[str, Any]


def facts(words: Words, dossier: Dossier) -> Data:
    """See docs/compliance-reports.md, which lists every name."""
    return {
        "object": _object(words, dossier.subject),
        "score": _score(words, dossier),
        "state": words.time(dossier.moment),
        "chain": {"number": dossier.head[0], "hash": dossier.head[1]},
        "items": list(_items(words, dossier)),
        "risks": list(_risks(words, dossier)),
        "assets": [
            {"id": one.id, "name": one.name or one.id, "kind": one.kind, "address": one.address, "site": one.site, "room": one.room, "owner": one.owner}
            for one in dossier.assets
        ],
        "steps": list(_steps(words, dossier)),
    }


def _object(words: Words, one: ProtectionObject) -> Data:
    return {
        "id": one.id,
        "name": one.name,
        "business": one.business,
        "description": one.description,
        "grade": one.grade_text,
        "level": one.grade.level,
        "filing_number": one.filing_number,
        "assessor": one.assessor,
        "label": one.label,
        "extensions": [words(*parts.EXTENSIONS[name]) for name in one.extensions],
        "zones": [zone.name for zone in one.zones],
        "people": one.people.model_dump(),
        "dates": {name: words.day(day) for name, day in one.dates},
    }


def _score(words: Words, dossier: Dossier) -> Data:
    score = dossier.score
    counts = {word.value: dossier.conforming(word) for word in Conformity}
    return {"figure": f"{score.figure:.2f}", "best": f"{score.best:.2f}", "conclusion": words.of(score.conclusion), "all": len(dossier.items), **counts}


def _items(words: Words, dossier: Dossier) -> Iterator[Data]:
    english = {layer.zh: layer.en for layer in dossier.framework.layers}
    found = parts.failing(dossier.verdicts)
    for item in dossier.items:
        result = dossier.results[item.id]
        yield {
            "id": item.id,
            "unit": parts.unit(dossier, item),
            "clause": parts.clause(dossier, item),
            "layer": words(item.layer, english[item.layer]),
            "point": words(item.control_point, item.control_point_en),
            "text": words(item.zh, item.en),
            "result": words.of(result.conformity.text),
            "met": result.conformity in (Conformity.CONFORMS, Conformity.NOT_APPLICABLE),
            "record": parts.record(words, result, found.get(item.id, [])),
        }


def _risks(words: Words, dossier: Dossier) -> Iterator[Data]:
    by_id, found = {item.id: item for item in dossier.items}, parts.failing(dossier.verdicts)
    for risk in dossier.risks:
        item = by_id[risk.item]
        yield {
            "unit": parts.unit(dossier, item),
            "text": words(item.zh, item.en),
            "level": words.of(risk.level.text),
            "why": words.of(risk.why),
            "major": risk.major,
            "assets": list(risk.assets),
            "measure": parts.measures(words, item, found.get(item.id, [])),
        }


def _steps(words: Words, dossier: Dossier) -> Iterator[Mapping[str, str]]:
    for step in dossier.steps:
        yield {"title": words.of(step.title), "done": words.day(step.done), "due": words.day(step.due), "state": words(*parts.PROGRESS[step.progress][:2])}
