"""What forbids a run at this time although its plan is in order: freezes, and how often it may run. Reads the runs of the last days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from playbooks.journal import recent
from playbooks.plan import Plan
from playbooks.policy import Policy, Refusal, frozen
from store.base import Store

DAY: Final = timedelta(days=1)


def barriers(plan: Plan, run: str, store: Store, policy: Policy, now: datetime) -> list[Refusal]:
    """Freezes and limits that forbid the plan now; ``run`` itself does not count."""
    found = frozen(policy, now) if plan.changes else []
    limits = plan.limits
    begun = [one for one in recent(store, plan.playbook, now - DAY - timedelta(seconds=limits.once_for)) if one["id"] != run and one["started"]]
    lately = sum(one["started"] >= (now - DAY).isoformat() for one in begun)
    if lately >= limits.per_day:
        found.append(Refusal(f"24 小时内已运行 {lately} 次，上限 {limits.per_day}", f"it ran {lately} times in 24 h, {limits.per_day} are allowed"))
    same = {name: plan.inputs.get(name) for name in limits.once_per}
    since = (now - timedelta(seconds=limits.once_for)).isoformat()
    if limits.once_per and any(one["started"] >= since and one["inputs"] == same for one in begun):
        found.append(Refusal("相同参数的剧本刚刚运行过", "it ran with the same inputs a moment ago"))
    return found
