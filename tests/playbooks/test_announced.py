"""A change of an asset belongs to the run that made it, or to the request that was approved for it."""

from collections.abc import Callable
from datetime import timedelta

from core.clock import ManualClock
from playbooks.journal import announced
from tests.playbooks.bench import BOB, HEAD, SIMPLE, Site, assets

Make = Callable[..., Site]
REQUEST = HEAD.replace("risk: change", "risk: read").replace("try-it", "request") + (
    "inputs: {systems: {type: asset, many: true}}\nsteps:\n  - {id: agree, approve: {by: duty_leader}}\n"
    "  - {id: work, assign: {to: requester, text: {zh: 做, en: do it}, within: 7d}}\n"
)


def test_a_change_during_an_approved_request_is_announced(site: Make, clock: ManualClock) -> None:
    here = site(REQUEST)
    run = here.begin("request", systems=["web-1", "web-2"])
    here.quiet()
    before = clock.now()
    clock.advance(60)
    here.requests.approve(run, "agree", BOB, here.plan("request", systems=["web-1", "web-2"]).hash)
    here.quiet()
    clock.advance(60)
    assert announced(here.store, "web-1", clock.now()) == run
    assert announced(here.store, "web-3", clock.now()) == ""
    assert announced(here.store, "web-1", before) == "", "it was not approved yet"
    here.requests.answer(run, "work", type(BOB)("ann", ("operator",)), {})
    here.settle(run)
    assert announced(here.store, "web-1", clock.now() + timedelta(minutes=5)) == run
    assert announced(here.store, "web-1", clock.now() + timedelta(hours=5)) == ""


def test_what_a_run_changes_is_announced_by_it(site: Make, clock: ManualClock) -> None:
    here = site(SIMPLE, known=assets(2))
    run = here.begin()
    assert announced(here.store, "web-2", clock.now()) == ""
    here.settle(run)
    assert announced(here.store, "web-2", clock.now()) == run
