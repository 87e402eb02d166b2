"""Inspection rounds as the console asks for them: begin, answer, sign; what deviates in a signed round is told as a finding, and so is a late round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

from compliance import attachments, evidence
from compliance.rounds import walk
from compliance.rounds.fill import Facts
from compliance.rounds.shelf import due, gather, last_signed, rounds
from compliance.rounds.template import SHIPPED, Every, Template, load_templates
from core.clock import Clock
from core.errors import ConfigError, Conflict, NotFound, Refused
from core.names import ROUND
from core.records import Finding, Severity
from core.settings import Settings
from service.pulse import SELF
from store.base import ABSENT, Body, Document, Store

WALKERS: Final = frozenset({"operator", "duty_leader", "security_officer"})
Intent = Mapping[str, Any]
Look = Callable[[Store, Template, datetime], Facts]


class Rounds:
    """``tell`` takes the findings of a signed round, ``look`` gives what a round is filled from."""

    def __init__(self, settings: Settings, store: Store, clock: Clock, tell: Callable[[Sequence[Finding]], None], look: Look = gather) -> None:
        self._settings, self._store, self._clock, self._tell, self._look = settings, store, clock, tell, look

    @property
    def carriers(self) -> dict[str, Callable[[Intent], str]]:
        """The intents that it carries out, by name."""
        return {"round.begin": self.begin, "round.answer": self.answer, "round.sign": self.sign, "round.countersign": self.countersign}

    def templates(self) -> tuple[dict[str, Template], list[ConfigError]]:
        """Shipped templates and those of the site."""
        return load_templates((SHIPPED, self._settings.site_folder / "rounds"))

    def begin(self, intent: Intent) -> str:
        """Begin a round of a template (args: template), filled from telemetry; one is open at a time. Raises Refused."""
        who, name, now = _walker(intent), str(_args(intent).get("template", "")), self._clock.now()
        found = self.templates()[0].get(name)
        if found is None:
            raise Refused(f"there is no template {name!r}")
        if any(one.body["state"] == "open" for one in rounds(self._store, name)):
            raise Refused("a round of this template is open already; sign it first")
        body = walk.begin(found, self._look(self._store, found, now), who, now)
        id = f"{name}-{now:%Y%m%dT%H%M%S}-{token_hex(2)}"  # noqa: A001
        self._audit(who, "round.begin", id, {"template": name}, now)
        self._store.documents.put(ROUND, id, body, ABSENT)
        return id

    def answer(self, intent: Intent) -> str:
        """Answer one item of an open round (on: its id; args: item, state, value, text). Raises Refused."""
        who, document, now = _walker(intent), self._round(intent), self._clock.now()
        body = walk.answer(document.body, _args(intent), who, now)
        self._look_at_photos(body, str(_args(intent)["item"]))
        self._audit(who, "round.answer", document.id, dict(_args(intent)), now)
        self._write(document, body)
        return ""

    def sign(self, intent: Intent) -> str:
        """Sign a round (on: its id; args: digest of what was seen, remark); the console has asked for the password again. Raises Refused."""
        who, document, now = _walker(intent), self._round(intent), self._clock.now()
        args = _args(intent)
        body = walk.sign(document.body, str(args.get("digest", "")), str(args.get("remark") or ""), who, now)
        before = last_signed(rounds(self._store, body["template"]), body)
        self._audit(who, "round.sign", document.id, {"digest": body["digest"]}, now)
        self._write(document, body)
        evidence.note(self._store.documents, evidence.ROUNDS, document.id, body, now)
        self._tell(list(of_round(document.id, body, before.body if before else None, now)))
        return ""

    def countersign(self, intent: Intent) -> str:
        """The second signature (on: the round; args: digest of what was seen); the console has asked for the password again. Raises Refused."""
        who, document, now = _walker(intent), self._round(intent), self._clock.now()
        body = walk.countersign(document.body, str(_args(intent).get("digest", "")), who, now)
        self._audit(who, "round.countersign", document.id, {"digest": body["digest"]}, now)
        self._write(document, body)
        evidence.note(self._store.documents, evidence.ROUNDS, document.id, body, now)
        return ""

    def _look_at_photos(self, body: Body, item: str) -> None:
        """What an answer names must be kept, whole and a picture: the intent itself proves nothing."""
        said = next(one["answer"] for one in body["items"] if one["id"] == item)
        for photo in said.get("photos", ()):
            try:
                content = attachments.read(self._settings.data, str(photo["sha256"]))
            except (NotFound, ConfigError) as err:
                raise Refused(f"the photo {photo['name']} cannot be read: {err}") from None
            attachments.check(str(photo["name"]), content, photo=True)

    def overdue(self, now: datetime) -> Iterator[Finding]:
        """Templates whose next round is late; one that was never walked owes none."""
        signed = [one.body for one in rounds(self._store) if one.body["state"] == "signed"]
        for name, template in self.templates()[0].items():
            last = max((datetime.fromisoformat(body["signed"]) for body in signed if body["template"] == name), default=None)
            if last is not None and now > due(last, template.every):
                yield _late(template, last, now)

    def _round(self, intent: Intent) -> Document:
        try:
            return self._store.documents.get(ROUND, str(intent.get("on") or ""))
        except NotFound:
            raise Refused("there is no such round") from None

    def _write(self, document: Document, body: Body) -> None:
        try:
            self._store.documents.put(ROUND, document.id, body, document.version)
        except Conflict:
            raise Refused("somebody else changed this round at the same moment; try again") from None

    def _audit(self, who: str, action: str, about: str, body: Body, now: datetime) -> None:
        self._store.audit.append(time=now, actor=who, action=action, object=about, body=body)


def _args(intent: Intent) -> Mapping[str, Any]:
    return dict(intent.get("args") or {})


def _walker(intent: Intent) -> str:
    if not WALKERS & set(intent.get("roles") or ()):
        raise Refused("rounds are walked by operators, duty leaders and security officers")
    return str(intent["user"])


def of_round(name: str, body: Body, before: Body | None, now: datetime) -> Iterator[Finding]:
    """A finding for every deviation of a signed round, and the end of those of the last round that are mended."""
    for item in body["items"]:
        become = walk.change(item, before)
        if walk.state_of(item) == "deviates" or become == "mended":
            yield _deviation(name, body, item, now, firing=become != "mended")
    left = {item["id"] for item in body["items"]}
    for item in before["items"] if before else ():
        if item["id"] not in left and walk.state_of(item) == "deviates":
            yield _deviation(name, body, item, now, firing=False)  # the template asks for it no longer


def _deviation(name: str, body: Body, item: Mapping[str, Any], now: datetime, *, firing: bool) -> Finding:
    said = str((item["answer"] or {}).get("text") or "")
    bad = [f"{row['asset']} {row['what']} {row['value']}".replace("  ", " ") for row in (item["reading"] or {}).get("seen", ()) if row["bad"]]
    more = "；".join([said, *bad[:5]] if said else bad[:5])
    zh, en = f"{body['title']['zh']}：{item['zh']}——不符", f"{body['title']['en']}: not in order: {item['en']}"
    return Finding(
        time=now,
        source="round.deviation",
        asset=SELF,
        title="巡检发现异常 / A round found something out of order",
        severity=Severity(item["severity"]),
        firing=firing,
        labels={"template": body["template"], "item": item["id"]},
        evidence={"zh": f"{zh}。{more}", "en": f"{en}. {more}", "round": name, "signer": body["signer"]},
    )


def _late(template: Template, last: datetime, now: datetime) -> Finding:
    return Finding(
        time=now,
        source="round.overdue",
        asset=SELF,
        title="巡检逾期 / A round is overdue",
        severity=Severity.INFO if template.every is Every.DAY else Severity.WARNING,
        firing=True,
        labels={"template": template.id},
        evidence={
            "zh": f"{template.title.zh}逾期未做，上次签字 {last.date()}",
            "en": f"{template.title.en} is overdue; the last one was signed on {last.date()}",
        },
    )
