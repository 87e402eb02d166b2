"""Remedies and the runs of playbooks that are to do them: linked both ways, reported done when a run ends well, and checked again at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog

from compliance.check import Check
from compliance.remedies import failing, reported, run_asked, run_ended, run_refused, targets_of, with_runs
from core.clock import Clock
from core.errors import ConfigError, NotFound, Refused, WanglouError
from core.names import RUN
from playbooks.fold import OUTCOMES
from playbooks.form import Playbook
from playbooks.offers import fault
from store.base import Store

log: Final = structlog.get_logger("remedies")
Carry = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Remedying:
    """``recheck`` lets the assets on which something was done be read and judged again; ``known`` are the reports that were followed so."""

    store: Store
    clock: Clock
    recheck: Callable[[Collection[str]], None]
    known: set[tuple[str, datetime | None]] = field(default_factory=set)

    def linked(self, begin: Carry) -> Carry:
        """``begin`` of a run that, when it is for a remedy, is noted there first; what cannot begin is taken out again. The same intent again is a no-op."""

        def carry(intent: Mapping[str, Any]) -> str:
            args = intent.get("args") or {}
            remedy, run = str(args.get("remedy") or ""), str(args.get("run") or "")
            if not remedy:
                return begin(intent)
            run_asked(self.store, remedy, run, str(intent["user"]), tuple(intent.get("roles") or ()), self.clock.now())
            try:
                return begin(intent)
            except (ConfigError, Refused):
                run_refused(self.store, remedy, run, self.clock.now())
                raise

        return carry

    def round(self) -> None:
        """Runs that ended: say so on their remedies. What they changed, and what people say they did, is looked at again."""
        for one in with_runs(self.store):
            try:
                body = self.store.documents.get(RUN, one.running).body
                if body["state"] in OUTCOMES:
                    self._ended(one.id, {**body, "id": one.running}, self.clock.now())
            except NotFound:
                continue  # asked for, and not begun yet
            except WanglouError as err:
                log.warning("the end of a run could not be noted on its remedy", remedy=one.id, run=one.running, reason=str(err))
        self._follow()

    def _ended(self, remedy: str, run: dict[str, Any], now: datetime) -> None:
        after = run_ended(self.store, remedy, run, now)
        log.info("the run of a remedy has ended", remedy=remedy, run=run["id"], state=run["state"], stage=after.stage.value)
        if run["started"]:  # also when it failed: what it did by then may have mended or broken something
            self.recheck(targets_of(run))

    def _follow(self) -> None:
        done = {(one.id, one.done): one.item for one in reported(self.store)}
        if items := {item for report, item in done.items() if report not in self.known}:
            self.recheck(sorted({asset for item in items for asset in failing(self.store, item)}))
        self.known.clear()
        self.known.update(done)


def wrong_offers(checks: Iterable[Check], books: Mapping[str, Playbook]) -> list[ConfigError]:
    """What is wrong with the playbooks that checks name; nothing while no playbook is read yet."""
    named = [(check, check.playbook) for check in checks if check.playbook and books]
    found = [(check.id, fault(books, offer.name, offer.assets, offer.inputs)) for check, offer in named]
    return [ConfigError(f"the check {name}: {said}", key=f"{name}.playbook") for name, said in found if said]
