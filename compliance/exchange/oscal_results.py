"""A dossier as OSCAL assessment results (usnistgov/OSCAL, release 1.2, JSON). Pure.

One result; an observation for every verdict and every answer, a finding for every item that is decided, a risk for every gap. What is to be
verified has observations and no finding. OSCAL knows no half conformity: it is ``not-satisfied`` with the property ``conformity``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from compliance.dossier import Dossier
from compliance.exchange.oscal_text import NAMESPACE, VERSION, line, token
from compliance.framework import Item
from compliance.risk import Risk
from compliance.rollup import Answer, Conformity, ItemResult
from compliance.verdict import Outcome
from store.base import Body

SATISFIED: Final = frozenset({Conformity.CONFORMS, Conformity.NOT_APPLICABLE})
METHODS: Final = {"examine": "EXAMINE", "interview": "INTERVIEW", "test": "TEST"}


class _Names:
    """Identifiers that are the same for the same dossier, so that two exports can be compared."""

    def __init__(self, dossier: Dossier) -> None:
        self.root: UUID = uuid5(NAMESPACE_URL, f"{NAMESPACE}/{dossier.subject.id}/{dossier.framework.id}/{dossier.moment.isoformat()}")

    def __call__(self, *parts: str) -> str:
        return str(uuid5(self.root, "\n".join(parts)))


def oscal(dossier: Dossier) -> bytes:
    """The document as JSON."""
    return json.dumps({"assessment-results": document(dossier)}, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def document(dossier: Dossier) -> dict[str, Any]:
    """The document; every text in it is Chinese or English as the product holds it, both where it holds both."""
    names = _Names(dossier)
    return {
        "uuid": names("document"),
        "metadata": {
            "title": line(f"{dossier.framework.name.zh} / {dossier.framework.name.en}: {dossier.subject.name}"),
            "last-modified": _time(dossier.made),
            "version": f"{dossier.moment:%Y%m%dT%H%M%SZ}",
            "oscal-version": VERSION,
            "props": [prop("evidence-head", f"{dossier.head[0]}:{dossier.head[1]}"), prop("framework", dossier.framework.id), *_label(dossier)],
        },
        "import-ap": {"href": f"#{names('plan')}"},
        "results": [_result(dossier, names)],
        "back-matter": {
            "resources": [
                {
                    "uuid": names("plan"),
                    "title": "No assessment plan",
                    "description": "Results of continuous telemetry and of decisions of people; there is no plan.",
                }
            ]
        },
    }


def _label(dossier: Dossier) -> list[dict[str, str]]:
    return [prop("marking", dossier.subject.label)] if dossier.subject.label else []


def _result(dossier: Dossier, names: _Names) -> dict[str, Any]:
    asked = {item.id for item in dossier.items}
    bodies = [body for body in dossier.verdicts if asked & set(body["items"])]
    given = [one for one in dossier.answers if one.item in asked]
    observations = [_observed(body, names) for body in bodies] + [_answered(one, dossier, names) for one in given]
    findings = [_finding(item, dossier, bodies, given, names) for item in dossier.items if dossier.results[item.id].conformity is not Conformity.UNKNOWN]
    score = dossier.score
    made = {
        "uuid": names("result"),
        "title": line(f"{dossier.subject.name} {dossier.moment:%Y-%m-%d}"),
        "description": f"{score.conclusion.zh} / {score.conclusion.en}: {score.figure:.2f} ({dossier.scheme})",
        "start": _time(min((datetime.fromisoformat(body["time"]) for body in bodies), default=dossier.moment)),
        "end": _time(dossier.moment),
        "props": [prop("scheme", dossier.scheme), prop("figure", f"{score.figure:.4f}"), prop("grade", dossier.subject.grade_text)]
        + [prop(f"count-{word.value.replace('_', '-')}", str(count)) for word, count in score.counts.items()],
        "local-definitions": _definitions(dossier, names),
        "reviewed-controls": {"control-selections": [{"include-controls": [{"control-id": token(item.id)} for item in dossier.items]}]},
        "observations": observations,
        "risks": [_risk(risk, dossier, names) for risk in dossier.risks],
        "findings": findings,
    }
    return {key: value for key, value in made.items() if value not in ([], {})}


def _definitions(dossier: Dossier, names: _Names) -> dict[str, Any]:
    """The assets, and the product as the tool that looked."""
    tool = {"uuid": names("tool"), "type": "software", "title": "Wanglou", "description": "Wanglou 望楼", "status": {"state": "operational"}}
    items = [
        {"uuid": names("asset", asset.id), "description": line(asset.title), "props": [prop("asset-id", asset.id, own=False), prop("kind", asset.kind)]}
        for asset in dossier.assets
    ]
    assets: dict[str, Any] = {"inventory-items": items} if items else {}
    return assets | {"assessment-assets": {"components": [tool], "assessment-platforms": [{"uuid": names("platform"), "title": "Wanglou"}]}}


def _observed(body: Body, names: _Names) -> dict[str, Any]:
    """A verdict of a check on an asset with the texts that it rests on."""
    says = "; ".join(str(part) for part in body["observed"][:10]) or body["reason"]["en"]
    made = {
        "uuid": names("verdict", body["asset"], body["check"]),
        "title": line(f"{body['title']['zh']} / {body['title']['en']}"),
        "description": f"{body['reason']['zh']} / {body['reason']['en']}\n{says}",
        "props": [prop("check", body["check"]), prop("outcome", body["outcome"]), prop("severity", str(body["severity"]))],
        "methods": ["EXAMINE"],
        "types": ["finding"],
        "origins": [{"actors": [{"type": "tool", "actor-uuid": names("tool")}]}],
        "subjects": [{"subject-uuid": names("asset", body["asset"]), "type": "inventory-item"}],
        "relevant-evidence": [
            {
                "href": f"evidence/{read['evidence']}",
                "description": line(f"{read['kind']} {read['time']}"),
                "props": [prop("sha256", str(read["sha256"])), prop("evidence", str(read["evidence"]))],
            }
            for read in body["read"]
        ],
        "collected": _time(datetime.fromisoformat(body["time"])),
        "remarks": "error: the check could not tell" if body["outcome"] == Outcome.UNKNOWN else "",
    }
    return {key: value for key, value in made.items() if value not in ([], "")}


def _answered(one: Answer, dossier: Dossier, names: _Names) -> dict[str, Any]:
    """What a person decided."""
    item = next(item for item in dossier.items if item.id == one.item)
    made: dict[str, Any] = {
        "uuid": names("answer", one.item, one.asset),
        "title": line(f"{item.control_point} / {item.control_point_en}"),
        "description": one.comment or one.conformity.text.zh,
        "props": [prop("decided-by", one.who), prop("conformity", one.conformity.value)],
        "methods": [METHODS[name] for name in item.test_methods if name in METHODS] or ["EXAMINE"],
        "types": ["control-objective"],
        "collected": _time(one.time),
        "expires": _time(one.expires),
    }
    return made | ({"subjects": [{"subject-uuid": names("asset", one.asset), "type": "inventory-item"}]} if one.asset else {})


def _finding(item: Item, dossier: Dossier, bodies: Sequence[Body], given: Sequence[Answer], names: _Names) -> dict[str, Any]:
    result = dossier.results[item.id]
    seen = [names("verdict", body["asset"], body["check"]) for body in bodies if item.id in body["items"]]
    seen += [names("answer", one.item, one.asset) for one in given if one.item == item.id]
    risks = [names("risk", risk.item) for risk in dossier.risks if risk.item == item.id]
    made = {
        "uuid": names("finding", item.id),
        "title": line(f"{item.id} {item.control_point} / {item.control_point_en}"),
        "description": f"{item.zh} / {item.en}",
        "props": [prop("conformity", result.conformity.value), prop("unit", item.units.get(str(dossier.subject.grade.level_of(item)), item.id))],
        "target": {"type": "objective-id", "target-id": token(item.id), "description": f"{result.reason.zh} / {result.reason.en}", "status": _status(result)},
        "related-observations": [{"observation-uuid": uuid} for uuid in dict.fromkeys(seen)],
        "related-risks": [{"risk-uuid": uuid} for uuid in risks],
    }
    return {key: value for key, value in made.items() if value != []}


def _status(result: ItemResult) -> dict[str, str]:
    if result.conformity is Conformity.NOT_APPLICABLE:
        return {"state": "satisfied", "reason": "other", "remarks": "not applicable"}
    met = result.conformity in SATISFIED
    return {"state": "satisfied" if met else "not-satisfied", "reason": "pass" if met else "fail"}


def _risk(risk: Risk, dossier: Dossier, names: _Names) -> dict[str, Any]:
    item = next(item for item in dossier.items if item.id == risk.item)
    facets = [("risk", risk.level.value), ("risk-found", risk.found.value), ("major-hidden-risk", "yes" if risk.major else "no")]
    made: dict[str, Any] = {
        "uuid": names("risk", risk.item),
        "title": line(f"{item.id} {item.control_point} / {item.control_point_en}"),
        "description": f"{risk.why.zh} / {risk.why.en}",
        "statement": f"{item.zh} / {item.en}",
        "status": "deviation-approved" if risk.exemption else "open",
        "characterizations": [
            {
                "origin": {"actors": [{"type": "tool", "actor-uuid": names("tool")}]},
                "facets": [{"name": name, "system": NAMESPACE, "value": value} for name, value in facets],
            }
        ],
    }
    if risk.exemption:
        made["mitigating-factors"] = [{"uuid": names("mitigation", risk.item), "description": risk.exemption.compensation}]
        made["deadline"] = _time(risk.exemption.expires)
    return made


def prop(name: str, value: str, *, own: bool = True) -> dict[str, str]:
    """A property in the product's own namespace; ``own`` is False for names that OSCAL itself knows."""
    base: Mapping[str, str] = {"ns": NAMESPACE} if own else {}
    return {"name": name, **base, "value": line(value)}


def _time(value: datetime) -> str:
    return value.isoformat()
