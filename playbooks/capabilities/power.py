"""Shutting a Linux machine down in order, when power or cooling is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from core.errors import Unreachable
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, run, shown, vector
from playbooks.capability import Act, Answer, Danger, Options, Reach, State


class ShutdownOptions(Options):
    """In how many minutes; until then it can be called off."""

    minutes: int = Field(default=1, ge=1, le=60)


class HostShutdown:
    """Announces and shuts down; undo calls it off while the time runs. Switching on again is for people."""

    name: ClassVar[str] = "host.shutdown"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = ShutdownOptions

    def plan(self, options: ShutdownOptions, target: Asset | None) -> Act:
        """``shutdown`` with a time, and its cancelling."""
        return Act(commands=shown(target, self._vector(options)), inverse=shown(target, ["shutdown", "-c"]))

    def verify(self, options: ShutdownOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Whether one is announced, or the machine is gone."""
        try:
            ran = reach.shell(asset_of(target)).run(vector(target, ["test", "-e", "/run/systemd/shutdown/scheduled"]), timeout_s=reach.timeout_s)
        except Unreachable as err:
            return State(holds=True, said=f"gone: {err}")
        return State(holds=ran.status == 0, said=f"a shutdown is {'' if ran.status == 0 else 'not '}announced")

    def do(self, options: ShutdownOptions, target: Asset | None, reach: Reach) -> Answer:
        """Announce it."""
        ran = run(reach, target, self._vector(options))
        return Answer(said=ran.err or ran.out)

    def undo(self, options: ShutdownOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Call it off; raises Unreachable when it is too late."""
        ran = run(reach, target, ["shutdown", "-c"])
        return Answer(said=ran.err or ran.out or "called off")

    @staticmethod
    def _vector(options: ShutdownOptions) -> list[str]:
        return ["shutdown", "-h", f"+{options.minutes}", "Wanglou: ordered shutdown"]
