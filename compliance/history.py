"""The state of a past day, read from the evidence chain alone, and what changed between two days and why."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from compliance import evidence
from compliance.answers import read_answer
from compliance.check import Text
from compliance.rollup import Answer
from compliance.verdict import Outcome
from core.errors import NotFound
from core.names import CHANGE, CONFIG_CHANGE, EVIDENCE, INCIDENT
from store.base import Body, Documents
from store.filter import And, Or, Range, Term

LOOK_BACK: Final = timedelta(days=1)
DARK_AFTER: Final = timedelta(hours=48)
SHOWN_LINES: Final = 40
TELLING: Final = ("pass", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was known at ``moment``: the newest verdict of each check on each asset, answers, and the last day the product itself noted."""

    moment: datetime
    verdicts: tuple[Body, ...]
    answers: tuple[Answer, ...]
    noted: datetime | None = None

    @property
    def is_dark(self) -> bool:
        """Nothing was noted in the two days before: the product did not run, and the state is only the last one known."""
        return self.noted is None or self.moment - self.noted > DARK_AFTER


def as_of(documents: Documents, moment: datetime) -> Standing:
    """The state at ``moment``."""
    verdicts: dict[tuple[str, str], Body] = {}
    noted: datetime | None = None
    for link, rows in evidence.notes(documents, evidence.VERDICTS, moment):
        verdicts |= {(row["asset"], row["check"]): row | {"link": f"{link['seq']:012d}"} for row in rows}
        noted = datetime.fromisoformat(link["recorded"])
    for link, _ in evidence.notes(documents, evidence.DAYS, moment):
        noted = max(noted or moment - 10 * DARK_AFTER, datetime.fromisoformat(link["recorded"]))
    given = {(row["item"], row["asset"], row.get("object", "")): read_answer(row) for _, row in evidence.notes(documents, evidence.ANSWERS, moment)}
    return Standing(moment=moment, verdicts=tuple(verdicts.values()), answers=tuple(given.values()), noted=noted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What may have caused a change: the text that differs, a change of the configuration or of the asset's record, or an incident."""

    kind: str
    time: datetime
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A check on an asset that came out otherwise; ``before`` is "" when it was not judged yet."""

    asset: str
    check: str
    before: str
    after: str
    time: datetime
    title: Mapping[str, str]
    items: tuple[str, ...]
    old: Body | None
    new: Body


def turns(before: Iterable[Body], after: Iterable[Body]) -> list[Turn]:
    """What differs between two states, the newest first; what was judged for the first time counts when it passes or fails."""
    old = {(body["asset"], body["check"]): body for body in before}
    found = []
    for body in after:
        was = old.get((body["asset"], body["check"]))
        if was is None and body["outcome"] not in TELLING:
            continue
        if was is None or was["outcome"] != body["outcome"]:
            found.append(
                Turn(
                    asset=body["asset"],
                    check=body["check"],
                    before=was["outcome"] if was else "",
                    after=body["outcome"],
                    time=datetime.fromisoformat(body["since"]),
                    title=body["title"],
                    items=tuple(body["items"]),
                    old=was,
                    new=body,
                )
            )
    return sorted(found, key=lambda turn: (turn.time, turn.asset, turn.check), reverse=True)


def reasons(item: str, found: Iterable[Turn], before: Iterable[Answer], after: Iterable[Answer]) -> list[Text]:
    """Why a requirement came out otherwise: verdicts that turned, and what people decided, changed or let run out. The answers are those that stood."""
    said = [
        Text(
            zh=f"{turn.asset}：{turn.title['zh']}（{Outcome(turn.before).text.zh if turn.before else '未判定'} → {Outcome(turn.after).text.zh}）",
            en=f"{turn.asset}: {turn.title['en']} ({Outcome(turn.before).text.en if turn.before else 'not judged'} → {Outcome(turn.after).text.en})",
        )
        for turn in found
        if item in turn.items
    ]
    old = {one.asset: one for one in before if one.item == item}
    new = {one.asset: one for one in after if one.item == item}
    for asset, one in new.items():
        if old.get(asset) != one:
            said.append(Text(zh=f"{one.who} 核定：{one.conformity.text.zh}，{one.comment}", en=f"{one.who} decided: {one.conformity.text.en}, {one.comment}"))
    for asset, one in old.items():
        if asset not in new:
            said.append(Text(zh=f"{one.who} 的核定于 {one.expires:%Y-%m-%d} 到期", en=f"what {one.who} decided ended on {one.expires:%Y-%m-%d}"))
    return said


def causes(documents: Documents, turn: Turn) -> list[Cause]:
    """What happened to the asset in the day before the turn, the text that changed first."""
    since = (turn.time - LOOK_BACK).isoformat()
    found = list(_texts(documents, turn))
    where = And((Term("asset", turn.asset), Range("time", gte=since, lte=turn.time.isoformat())))
    found += [_of_configuration(document.body) for document in documents.find(CONFIG_CHANGE, where, sort="-time", limit=5).items]
    for document in documents.find(CHANGE, where, sort="-time", limit=5).items:
        body = document.body
        fields = ", ".join(sorted({*body.get("before", {}), *body.get("after", {})}))
        found.append(Cause(kind="asset", time=datetime.fromisoformat(body["time"]), text=f"{body.get('who', '')}: {body.get('what', '')} {fields}".strip()))
    found += _incidents(documents, turn, since)
    return found


def _incidents(documents: Documents, turn: Turn, since: str) -> list[Cause]:
    """Incidents about the asset that opened since then, and those that an alert of it joined since then; the newest five."""
    until = turn.time.isoformat()
    about = And((Term("root", turn.asset), Range("opened", gte=since, lte=until)))
    member = And((Term("members.asset", turn.asset), Range("opened", lte=until), Range("updated", gte=since)))
    bodies = documents.find(INCIDENT, Or((about, member)), sort="-opened", limit=50).items
    return [cause for document in bodies if (cause := _of_incident(document.id, document.body, turn, since))][:5]


def _of_incident(id: str, body: Body, turn: Turn, since: str) -> Cause | None:
    """An incident as a cause: since it opened when it is about the asset, else since the asset's first alert in it, the one about this check aside."""
    until = turn.time.isoformat()
    if body["root"] == turn.asset and since <= body["opened"] <= until:
        return Cause(kind="incident", time=datetime.fromisoformat(body["opened"]), text=_both(body.get("title")), id=id)
    mine = [one for one in body.get("members", ()) if one["asset"] == turn.asset and one["rule"] != f"compliance.{turn.check}"]
    joined = min((one for one in mine if since <= (one.get("joined") or "") <= until), key=lambda one: str(one["joined"]), default=None)
    if joined is None:
        return None
    text = f"{_both(body.get('title'))} · {_both(joined.get('title'))}"
    return Cause(kind="incident", time=datetime.fromisoformat(joined["joined"]), text=text, id=id)


def _both(title: object) -> str:
    """A title in both languages, as far as it has them."""
    return " / ".join(str(title[key]) for key in ("zh", "en") if title.get(key)) if isinstance(title, Mapping) else str(title or "")


def _of_configuration(body: Body) -> Cause:
    """A change of a device's configuration with whoever made it."""
    parts = [str(body.get(name) or "") for name in ("user", "source", "how")] + [
        f"+{body.get('added', 0)} -{body.get('removed', 0)}",
        str(body.get("run") or ""),
    ]
    return Cause(kind="configuration", time=datetime.fromisoformat(str(body["time"])), text=" · ".join(part for part in parts if part))


def _texts(documents: Documents, turn: Turn) -> Iterable[Cause]:
    old = {read["kind"]: read for read in (turn.old or {}).get("read", ())}
    for read in turn.new.get("read", ()):
        was = old.get(read["kind"])
        if was and was["evidence"] != read["evidence"]:
            lines = difference(_body(documents, was["evidence"]), _body(documents, read["evidence"]))
            yield Cause(kind="text", time=datetime.fromisoformat(read["time"]), text=f"{read['kind']}\n" + "\n".join(lines), id=read["evidence"])


def difference(before: str, after: str) -> Sequence[str]:
    """The lines that differ, with - and +, at most forty."""
    lines = [line for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))]
    return lines if len(lines) <= SHOWN_LINES else [*lines[:SHOWN_LINES], f"... {len(lines) - SHOWN_LINES}"]


def _body(documents: Documents, id: str) -> str:
    try:
        body: Any = documents.get(EVIDENCE, id).body["body"]
    except NotFound:
        return ""
    return str(body)
