"""The shipper: takes what the embedded store wrote and puts it into Elasticsearch, in order, until it is acknowledged.

A bulk loop of its own: every item is retried for itself with growing, jittered pauses; a document that is there already is done; one
that the mapping refuses becomes a dead letter with its reason; after a broken connection the whole batch goes again.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from core.errors import StoreAway, WanglouError
from store.elastic.encode import Action, metric_action
from store.elastic.link import LENIENT, Busy, Link
from store.elastic.names import Names
from store.elastic.series import search

log = structlog.get_logger(__name__)
MOST_ACTIONS = 2500
FEWEST_ACTIONS = 100
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
_ASK_LESS = frozenset({429, 503})
_ANSWER = "errors,items.create._index,items.create.status,items.create.error.type,items.create.error.reason,items.create.error.index"


@dataclass(frozen=True, slots=True)
class Dead:
    """A document that Elasticsearch will never take, and why."""

    action: Action
    reason: str


@dataclass(slots=True)
class Sent:
    """What became of a batch."""

    created: int = 0
    repeated: int = 0
    dead: list[Dead] = field(default_factory=list)


class Bulk:
    """Sends actions until each one is stored, known or dead. Raises StoreAway when the servers go away (send the batch again)."""

    def __init__(self, link: Link, names: Names, pause: Callable[[float], bool], random_source: random.Random | None = None) -> None:
        """``pause(seconds)`` waits and returns True when the sender shall stop."""
        self._link, self._names, self._pause = link, names, pause
        self._random = random_source or random.Random()  # noqa: S311 - jitter, no secret
        self._size = MOST_ACTIONS
        self.retries = 0
        self.write_index: dict[str, str] = {}

    def send(self, actions: Sequence[Action], in_doubt: bool = False) -> Sent:
        """``in_doubt``: some may have been stored by an earlier attempt whose answer was lost."""
        sent = Sent()
        waiting = self._not_stored(actions, sent) if in_doubt else list(actions)
        pause_s = _FIRST_PAUSE_S
        while waiting:
            part, rest = waiting[: self._size], waiting[self._size :]
            again = self._once(part, sent)
            if again:
                self.retries += 1
                self._size = max(FEWEST_ACTIONS, self._size // 2)
                if self._pause(self._random.uniform(0, pause_s)):
                    raise StoreAway("shipping was stopped")
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                pause_s = _FIRST_PAUSE_S
                self._size = min(MOST_ACTIONS, self._size * 2)
            waiting = again + rest
        return sent

    def _once(self, actions: list[Action], sent: Sent) -> list[Action]:
        """One request; returns those to send again."""
        body = "".join(action.lines() for action in actions).encode()
        try:
            answer = self._link.call("POST", "/_bulk", body, params={"filter_path": _ANSWER}, timeout_s=60)
        except Busy:
            return actions
        items = [item["create"] for item in answer["items"]]
        if not answer["errors"]:
            sent.created += len(items)
            self.write_index[actions[0].target], self.write_index[actions[-1].target] = items[0]["_index"], items[-1]["_index"]
            return []
        again, conflicts = [], []
        for action, item in zip(actions, items, strict=True):
            status = item["status"]
            if status == 409:
                conflicts.append((action, item["error"].get("index", "")))
            elif status in _ASK_LESS or item.get("error", {}).get("type") == "es_rejected_execution_exception":
                again.append(action)
            elif status >= 400:
                sent.dead.append(Dead(action, f"{item['error']['type']}: {item['error']['reason']}"[:500]))
            else:
                sent.created += 1
        return again + self._settle(conflicts, sent)

    def _settle(self, conflicts: list[tuple[Action, str]], sent: Sent) -> list[Action]:
        """A known id is done, with two exceptions.

        A metric document that holds other metrics than ours: the missing ones go into the next slot. An audit copy with another
        hash: somebody's chain was set back or forged.
        """
        again: list[Action] = []
        compared = {self._names.metrics: "names", self._names.audit: "hash"}
        ours = [(action, index) for action, index in conflicts if action.target in compared and index]
        sent.repeated += len(conflicts) - len(ours)
        if not ours:
            return again
        wanted = {"docs": [{"_index": index, "_id": action.id, "_source": [compared[action.target]]} for action, index in ours]}
        for (action, _), found in zip(ours, self._link.call("POST", "/_mget", wanted)["docs"], strict=True):
            there = found.get("_source", {})
            if action.target == self._names.metrics and (missing := action.source["metrics"].keys() - set(there.get("names", ()))):
                again.append(_next_slot(self._names, action, missing))
            elif action.target == self._names.audit and there.get("hash") != action.source["hash"]:
                sent.dead.append(Dead(action, "the copy holds another entry under this number: the chain was set back or forged"))
            else:
                sent.repeated += 1
        return again

    def _not_stored(self, actions: Sequence[Action], sent: Sent) -> list[Action]:
        """Ids are unique per backing index only: when the stream was rolled over since, look for the batch in the whole stream first."""
        left = list(actions)
        for target in {action.target for action in actions}:
            if self.write_index.get(target) == (now := self._current_index(target)):
                continue
            found = self._stored(target, [action.id for action in left if action.target == target])
            sent.repeated += len(found)
            left = [action for action in left if action.target != target or action.id not in found]
            self.write_index[target] = now
        return left

    def _current_index(self, stream: str) -> str:
        for entry in self._link.call("GET", f"/_resolve/index/{stream}", params=LENIENT).get("data_streams", []):
            return str(entry["backing_indices"][-1])
        return ""

    def _stored(self, target: str, ids: list[str]) -> set[str]:
        self._link.call("POST", f"/{target}/_refresh", params=LENIENT)
        found: set[str] = set()
        for first in range(0, len(ids), 5000):
            some = ids[first : first + 5000]
            answer = search(self._link, target, {"size": len(some), "query": {"ids": {"values": some}}, "_source": False, "track_total_hits": False})
            found.update(hit["_id"] for hit in answer["hits"]["hits"])
        return found


def _next_slot(names: Names, action: Action, missing: set[str]) -> Action:
    source = action.source
    values = {name: value for name, value in source["metrics"].items() if name in missing}
    return metric_action(names, source["@timestamp"], source["asset.id"], source["labels_key"], values, action.slot + 1)


@dataclass(frozen=True, slots=True)
class Load:
    """One part of the queue: up to ``end`` (its cursor), as actions."""

    end: int
    actions: list[Action]


class Queue(Protocol):
    """What the shipper needs of the embedded store's spool."""

    def take(self, after: int, limit: int) -> Load | None:
        """The next part after the cursor ``after``, about ``limit`` actions; None when there is nothing."""
        ...

    def advance(self, to: int) -> None:
        """Everything up to ``to`` has been acknowledged."""
        ...

    def bury(self, dead: Iterable[Dead]) -> None:
        """Keep what Elasticsearch refuses, durably."""
        ...


class Shipper:
    """A thread that empties the queue: one batch on its way while the next one is being made."""

    def __init__(self, queue: Queue, link: Link, names: Names, beside: Callable[[], None]) -> None:
        """``beside`` runs between batches while the servers answer."""
        self._queue, self._link, self._beside = queue, link, beside
        self._stop, self._wake, self._emptied = threading.Event(), threading.Event(), threading.Condition()
        self._asked = self._served = 0
        self._bulk = Bulk(link, names, self._stop.wait)
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self.shipped = self.repeated = self.dead = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, wait_s: float = 70) -> None:
        """Finish the request on its way and end; what is left goes at the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything that is in the queue now has been sent; False when the servers are away or time is up."""
        with self._emptied:
            self._asked += 1
            mine = self._asked
        self._wake.set()
        with self._emptied:
            self._emptied.wait_for(lambda: self._served >= mine or self._link.away_since is not None or not self._thread.is_alive(), timeout_s)
            return self._served >= mine

    @property
    def figures(self) -> dict[str, float]:
        """Counts since the start."""
        return {"shipped": self.shipped, "repeated": self.repeated, "dead": self.dead, "retries": self._bulk.retries}

    def _run(self) -> None:
        in_doubt, failures = True, 0
        while not self._stop.is_set():
            asked = self._asked
            try:
                self._drain(in_doubt)
                if failures:
                    log.info("shipping goes on", failures=failures)
                in_doubt, failures = False, 0
                self._told(asked)
                self._beside()
                self._wake.wait(1.0)
                self._wake.clear()
            except WanglouError as err:
                in_doubt, failures = True, failures + 1
                self._told(self._served)
                (log.warning if failures == 1 else log.debug)("shipping waits", reason=str(err), failures=failures)
                self._stop.wait(random.uniform(0.5, min(5.0, 2.0**failures)))  # noqa: S311 - jitter

    def _told(self, served: int) -> None:
        with self._emptied:
            self._served = served
            self._emptied.notify_all()

    def _drain(self, in_doubt: bool) -> None:
        """Ship until the queue is empty; advance in order, after acknowledgement."""
        taken = 0
        with ThreadPoolExecutor(1, thread_name_prefix="bulk") as pool:
            on_way: tuple[Load, Future[Sent]] | None = None
            try:
                while not self._stop.is_set() and (load := self._queue.take(taken, MOST_ACTIONS)) is not None:
                    if on_way is not None:
                        self._done(*on_way)
                    on_way = load, pool.submit(self._bulk.send, load.actions, in_doubt)
                    taken, in_doubt = load.end, False
            finally:
                if on_way is not None:
                    self._done(*on_way)

    def _done(self, load: Load, sending: Future[Sent]) -> None:
        sent = sending.result()
        if sent.dead:
            self._queue.bury(sent.dead)
        self._queue.advance(load.end)
        self.shipped += sent.created
        self.repeated += sent.repeated
        self.dead += len(sent.dead)
