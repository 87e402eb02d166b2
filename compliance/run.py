"""The inspection: read the snapshots of the store, judge them, keep verdicts and evidence, tell findings.

One failed check on one asset is one finding (source ``compliance.<check id>``); it clears when the check passes or no
longer applies. A check that cannot tell neither raises nor clears anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from compliance import evidence, logs
from compliance.check import Check
from compliance.evaluate import judge
from compliance.host import Host
from compliance.variants import spread
from compliance.verdict import Outcome, Verdict
from core.names import SNAPSHOT, VERDICT
from core.records import Finding, Snapshot
from store.base import Body, Document, Store
from store.filter import EVERYTHING, Filter, of_asset

KEPT = timedelta(days=190)
CONFIRM_AFTER = timedelta(hours=1)
ORGANISATION, ESTATE, SELF = "organisation", "estate", "wanglou"
OWN = frozenset({ORGANISATION, ESTATE, SELF})
"""What no collector speaks for: the organisation's records, the estate as a whole, the product itself."""
COMMON = OWN - {SELF}
"""Whose verdicts count for every protection object; the product's own count where it is in scope, as those of any asset."""
OBJECT_ASSET = "object:"
NO_COMPUTERS = frozenset({"room", "power", "place", "system"})
"""Classes of assets that checks of hosts and devices are not asked about, unless a text of a host or a device was read."""
DATABASES = frozenset({"mysql", "postgresql", "redis"})
HISTORY = ("check", "asset", "time", "outcome", "reason", "observed", "read", "title", "severity", "items", "remediation", "references", "since")


@dataclass(frozen=True, slots=True)
class Inspector:
    """Judges assets by checks; ``kept`` is how long the settings keep events."""

    store: Store
    checks: Sequence[Check]
    kept: timedelta = KEPT

    def inspect(self, assets: Iterable[str], now: datetime, read_anew: Collection[str] = ()) -> list[Finding]:
        """Judge the assets that have snapshots; every failure fires, what failed before and is mended clears.

        Of the assets ``read_anew`` each verdict is written, also one that says the same: somebody waits for what a fresh reading says.
        """
        spans = logs.spans(self.store.events, now) if any("store.logs" in check.kinds for check in self.checks) else {}
        return [finding for asset in assets for finding in self._asset(asset, spans.get(asset), now, is_awaited=asset in read_anew)]

    def _asset(self, asset: str, span: tuple[datetime, datetime] | None, now: datetime, *, is_awaited: bool) -> Iterator[Finding]:
        texts = snapshots_of(self.store, asset)
        if not texts:
            return
        newest = logs.newest_hours(self.store.events, asset, now) if span else None
        since = logs.earliest((text.taken for text in texts), now)
        whole = [text.snapshot for text in texts]
        if span or now - since >= logs.DAY:  # an asset that is new and silent so far: nobody can tell yet
            whole.append(logs.snapshot(asset, span, newest, since, self.kept, now))
        by_kind = {text.kind: text for text in whole}
        host, before = Host(asset, whole, now), {found.body["check"]: found.body for found in every(self.store, VERDICT, of_asset(asset))}
        known = evidence_ids(before.values())
        judged: list[tuple[Check, Verdict, Body]] = []
        for check in asked(self.checks, host, before):
            verdict = judge(check, host)
            if verdict.outcome is Outcome.NOT_APPLICABLE and check.is_worked_out:
                continue
            for read in verdict.read:
                if known.get(read.kind, ("", ""))[0] != read.sha256:
                    known[read.kind] = (read.sha256, evidence.record(self.store.documents, by_kind[read.kind], now))
            judged.append((check, verdict, document(verdict, check, before.get(check.id), {kind: name for kind, (_, name) in known.items()})))
        yield from self._keep(asset, judged, before, now, is_awaited=is_awaited)
        yield from self._forget(asset, {check.id for check, _, _ in judged}, before, now)

    def _forget(self, asset: str, judged: Collection[str], before: Mapping[str, Body], now: datetime) -> Iterator[Finding]:
        """Verdicts of checks that are no question about the asset any more (it is no computer after all, or lost a sensor) leave; their history stays."""
        for check in (check for check in self.checks if check.id in before and check.id not in judged):
            self.store.documents.delete(VERDICT, verdict_id(asset, check.id))
            if before[check.id].get("firing") and check.tells:
                yield cleared(check, asset, now)

    def _keep(
        self, asset: str, judged: Sequence[tuple[Check, Verdict, Body]], before: Mapping[str, Body], now: datetime, *, is_awaited: bool
    ) -> Iterator[Finding]:
        """Into the chain what came out otherwise than before, then the newest verdicts, then what to tell."""
        changed = {check.id: kept_of(body) for check, _, body in judged if is_history(body, before.get(check.id))}
        link = evidence.note(self.store.documents, evidence.VERDICTS, asset, list(changed.values()), now) if changed else ""
        for check, verdict, body in judged:
            old = before.get(check.id)
            body["link"] = link if check.id in changed else (old or {}).get("link", "")
            if is_awaited or is_news(body, old):
                self.store.documents.put(VERDICT, verdict_id(asset, check.id), body)
            if found := finding(verdict, check, body):
                yield found


def asked(checks: Sequence[Check], host: Host, before: Mapping[str, Body]) -> Iterator[Check]:
    """The checks that are a question about an asset at all: a sensor is not asked for a password policy, the organisation for its records alone.

    Of what no collector speaks for, what was judged ``before`` is judged again: when the last record is gone, no old verdict may stay.
    """
    own = is_own(host.asset)
    worked_out, is_other = host.worked_out(), own or ((host.asset_class in NO_COMPUTERS or is_database(host)) and not host.is_host)
    for check in checks:
        if (own and check.id in before) or worked_out & set(check.platforms) or not (check.is_worked_out or is_other):
            yield check


def is_database(host: Host) -> bool:
    """Whether the inventory calls it a database and it was read as one: an appliance or a cloud's service, whose system nobody may enter."""
    return bool(host.worked_out() & DATABASES) and host.settings("inventory.record").get("kind") == "database"


def is_own(asset: str) -> bool:
    """Whether no collector speaks for it: one of OWN, or the register's record of one protection object (``object:<id>``)."""
    return asset in OWN or asset.startswith(OBJECT_ASSET)


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored snapshot (its time is when the text was seen last) and when this version was first taken."""

    snapshot: Snapshot
    taken: datetime


def snapshots_of(store: Store, asset: str) -> list[Kept]:
    """The newest text of every kind that the store holds of an asset."""
    found = []
    for document in every(store, SNAPSHOT, of_asset(asset)):
        body = document.body
        text = Snapshot(time=datetime.fromisoformat(body["seen"]), asset=asset, kind=body["kind"], body=body["body"])
        found.append(Kept(text, datetime.fromisoformat(body["taken"])))
    return found


def evidence_ids(verdicts: Iterable[Body]) -> dict[str, tuple[str, str]]:
    """Kind -> (digest, evidence id) of the newest text that the stored verdicts of an asset rest on."""
    reads = sorted((read for body in verdicts for read in body["read"]), key=lambda read: str(read["evidence"]))
    return {read["kind"]: (read["sha256"], read["evidence"]) for read in reads}


def is_news(body: Body, before: Body | None) -> bool:
    """Whether a verdict must be written: it says something new, or it was last confirmed an hour ago."""
    if before is None or any(body.get(name) != before.get(name) for name in ("outcome", "observed", "reason", "title", "items", "firing", "playbook")):
        return True
    if [read["evidence"] for read in body["read"]] != [read["evidence"] for read in before["read"]]:
        return True
    return datetime.fromisoformat(body["time"]) - datetime.fromisoformat(before["time"]) >= CONFIRM_AFTER


def is_history(body: Body, before: Body | None) -> bool:
    """Whether a verdict belongs into the chain: another outcome, or resting on another text than before."""
    if before is None or not before.get("link") or body["outcome"] != before["outcome"]:
        return True
    return [read["evidence"] for read in body["read"]] != [read["evidence"] for read in before["read"]]


def kept_of(body: Body) -> Body:
    """What the chain keeps of a verdict: all that a page or a report of a past day shows."""
    return {name: body[name] for name in HISTORY}


def every(store: Store, kind: str, where: Filter = EVERYTHING) -> Iterator[Document]:
    """All documents, page by page."""
    cursor: str | None = None
    while True:
        page = store.documents.find(kind, where, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def verdict_id(asset: str, check: str) -> str:
    """The id of the newest verdict of a check on an asset."""
    return f"{asset}/{check}"


def document(verdict: Verdict, check: Check, before: Body | None, evidence: Mapping[str, str]) -> Body:
    """The verdict as the store keeps it, with what a page shows beside it; ``since`` is when the outcome last changed."""
    body = verdict.to_dict()
    same = before is not None and before["outcome"] == body["outcome"]
    fails = verdict.outcome is Outcome.FAIL
    told = bool(before and before.get("firing"))
    return body | {
        "title": check.title.model_dump(),
        "severity": check.severity.value,
        "items": list(spread(check.id, check.items)),
        "remediation": check.remediation.model_dump(),
        "playbook": check.playbook.model_dump(mode="json") if check.playbook else None,
        "references": list(check.references),
        "read": [read | {"evidence": evidence[read["kind"]]} for read in body["read"]],
        "since": before["since"] if same and before else body["time"],
        "firing": fails or (told and verdict.outcome is Outcome.UNKNOWN),
        "failed_once": fails or bool(before and before.get("failed_once")),
    }


def cleared(check: Check, asset: str, now: datetime) -> Finding:
    """The end of a failure that nothing is asked about any more."""
    title = f"{check.title.zh} / {check.title.en}"
    said = {"zh": "此检查不再适用于该资产", "en": "the check is no question about this asset any more"}
    return Finding(time=now, source=check.source, asset=asset, title=title, severity=check.severity, firing=False, evidence=said)


def finding(verdict: Verdict, check: Check, body: Mapping[str, Any]) -> Finding | None:
    """What to tell: a failure, or the end of one; nothing for what never failed and for what cannot be told."""
    if not check.tells or verdict.outcome is Outcome.UNKNOWN or not body["failed_once"]:
        return None
    return Finding(
        time=verdict.time,
        source=check.source,
        asset=verdict.asset,
        title=f"{check.title.zh} / {check.title.en}",
        severity=check.severity,
        firing=verdict.outcome is Outcome.FAIL,
        evidence={
            "zh": verdict.reason.zh,
            "en": verdict.reason.en,
            "observed": list(verdict.observed),
            "remediation": check.remediation.model_dump(),
            "items": body["items"],
            "read": body["read"],
        },
    )
