"""Properties of the fold and of what it says comes next, over random histories."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.graph import build_graph
from playbooks.fold import KINDS, Entry, RunState, apply, fold
from playbooks.moves import Move, moves
from playbooks.plan import Plan, Surroundings, make_plan
from tests.playbooks.bench import HEAD, Device, assets, book, lookup

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEXT = (
    HEAD
    + """
inputs: {items: {type: word, many: true, default: [a, b]}}
targets: {match: {tags: web}, max: 9}
limits: {timeout: 2h}
steps:
  - {id: see, run: bench.get, with: {key: light}}
  - id: which
    if: "steps.see.targets['web-1'].value == 'on'"
    then: [{id: one, run: bench.set, with: {key: light}, retry: {times: 1, wait: 5s}}]
    else: [{id: form, ask: {text: {zh: 问, en: ask}, form: {why: {type: text}}}}]
  - id: both
    parallel:
      - {id: left, run: bench.set, with: {key: left}, undo: {after: 5m}}
      - {id: right, run: bench.add, with: {key: right}, undo: {never: none}, on_fail: continue}
  - {id: rest, each: items, steps: [{id: put, run: bench.set, with: {key: "{{ item }}"}}, {id: nap, wait: 30s}]}
  - {id: tell, notify: {text: {zh: 好, en: good}}}
"""
)
kinds = st.sampled_from([*sorted(KINDS), "nonsense"])
names = st.sampled_from(["see", "one", "left", "right", "approval", "form"])
bodies = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["done", "failed", "unknown", "nothing", "skipped"]),
        "effect": st.sampled_from(["no", "maybe", "yes"]),
        "attempt": st.integers(0, 3),
        "undo_at": st.just((START + timedelta(minutes=5)).isoformat()),
        "ok": st.booleans(),
        "to": st.sampled_from(["person:bob", "role:operator"]),
        "of": st.integers(1, 2),
        "outcome": st.sampled_from(["done", "failed", "cancelled"]),
        "done": st.booleans(),
        "answer": st.booleans(),
    },
)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    found = draw(st.lists(st.tuples(kinds, names, st.sampled_from(["web-1", "web-2", ""]), bodies), max_size=40))
    return [
        Entry(seq=number, time=START + timedelta(seconds=number), kind=kind, who="ann", step=step, target=target, body=body)
        for number, (kind, step, target, body) in enumerate(found, 1)
    ]


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_and_repetition_do_not_matter(history: list[Entry], random: Any) -> None:
    mixed = [*history, *history[: len(history) // 2]]
    random.shuffle(mixed)
    assert fold(mixed) == fold(history)


@given(histories())
@settings(max_examples=200, deadline=None)
def test_an_end_is_an_end(history: list[Entry]) -> None:
    state = RunState()
    outcome = ""
    for entry in history:
        apply(state, entry)
        if outcome:
            assert state.outcome == outcome
        outcome = state.outcome
        assert state.seq == entry.seq


@given(histories())
@settings(max_examples=200, deadline=None)
def test_an_act_that_is_done_is_never_begun_again(history: list[Entry]) -> None:
    state = RunState()
    for entry in history:
        before = {key: act.status for key, act in state.acts.items()}
        apply(state, entry)
        for key, status in before.items():
            if status in ("done", "nothing", "skipped"):
                assert state.acts[key].status == status


def plan() -> Plan:
    playbook = book(TEXT)
    return make_plan(playbook, {}, Surroundings(build_graph(assets(3)), lookup(Device(__file__)), {playbook.name: playbook}))  # type: ignore[arg-type]


PLAN = plan()


class World:
    """Carries moves out as fate decides, and counts what was sent to whom."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.now, self.state = draw, START, RunState()
        self.sent: list[tuple[str, str]] = []
        self.write("asked", who="ann")

    def write(self, kind: str, step: str = "", target: str = "", who: str = "playbooks", **body: Any) -> None:
        apply(self.state, Entry(seq=self.state.seq + 1, time=self.now, kind=kind, who=who, step=step, target=target, body=body))

    def pick(self, choices: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    def carry_out(self, move: Move) -> None:
        step, target = move.step, move.target
        again = (self.now + timedelta(seconds=5)).isoformat()
        match move.kind:
            case "start":
                self.write("started")
            case "fail":
                self.write("failing", step, **move.body)
            case "end":
                self.write("ended", **move.body)
            case "notify":
                self.write("close", step)
            case "act":
                self.act(step, target, again)
            case "recover":
                self.learn(step, target, again)
            case "undo" | "recover_undo":
                if move.kind == "undo":
                    self.write("undo_begin", step, target)
                self.write("undo_end", step, target, ok=self.pick([True, True, False]), again_at=again)
            case "hand":
                self.write("handed", step, **move.body)
            case _:
                self.write(move.kind, step, target, **move.body)

    def act(self, step: str, target: str, again: str) -> None:
        self.write("begin", step, target)
        attempt = self.state.act(step, target).attempt
        fate = self.pick(["done", "done", "done", "nothing", "failed", "again", "killed before", "killed after"])
        if fate == "nothing":
            return self.write("end", step, target, status="nothing", effect="no", attempt=attempt)
        if fate == "killed before":
            return None
        if not step.startswith("see"):
            self.write("doing", step, target)
        self.sent.append((step, target))
        if fate == "killed after":
            return None
        undo = {"undo_at": (self.now + timedelta(minutes=5)).isoformat()} if step == "left" else {}
        retry = {"again_at": again} if fate == "again" and attempt < 2 else {}
        if fate == "done":
            return self.write("end", step, target, status="done", effect="yes", attempt=attempt, values={"value": self.pick(["on", "off"])}, **undo)
        if step == "right":  # what went wrong after it was sent cannot be looked at
            return self.write("end", step, target, status="unknown", effect="maybe", attempt=attempt)
        return self.write("end", step, target, status="failed", effect="maybe", attempt=attempt, **retry)

    def learn(self, step: str, target: str, again: str) -> None:
        act = self.state.act(step, target)
        if act.effect == "no":
            return self.write("end", step, target, status="failed", effect="no", attempt=act.attempt, again_at=again)
        if step == "right":  # nobody can look
            return self.write("end", step, target, status="unknown", effect="maybe", attempt=act.attempt)
        return self.write("end", step, target, status="done", effect="yes", attempt=act.attempt)

    def people(self) -> None:
        for name, task in self.state.tasks.items():
            if task.done:
                continue
            step, _, target = name.partition("@")
            if target:
                self.write("decided", step, target, who="bob", done=self.pick([True, False]))
            else:
                self.write("answered", name, who="ann", values={"why": "so"})


@given(st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_happens_a_run_ends_and_nothing_that_cannot_be_checked_is_done_twice(data: st.DataObject) -> None:
    world = World(data.draw)
    for _ in range(400):
        if world.state.is_over:
            break
        found = moves(PLAN, world.state, world.now)
        for move in found:
            if world.state.outcome:
                assert move.kind in ("undo", "recover_undo", "end"), move
            world.carry_out(move)
        if not found:
            world.people()
        world.now += timedelta(seconds=5)
    assert world.state.is_over
    assert world.state.outcome in ("done", "failed", "undone")
    once = [key for key in world.sent if key[0] == "right"]
    assert len(once) == len(set(once))
    if world.state.outcome == "undone":
        assert all(act.effect == "no" for act in world.state.acts.values())
