"""Services of a Linux machine: restart and stop, by systemd or (fact ``init: sysv``) by init scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, fact, run, shown, vector
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Word


class ServiceOptions(Options):
    """Which service."""

    service: Word


def command(target: Asset | None, action: str, service: str) -> list[str]:
    """How this machine does it."""
    if fact(target, "init", "systemd") == "sysv":
        return ["service", service, action]
    return ["systemctl", "is-active", "--", service] if action == "status" else ["systemctl", action, "--", service]


def is_running(target: Asset | None, service: str, reach: Reach) -> tuple[bool, str]:
    """Whether it runs, and what was said."""
    ran = reach.shell(asset_of(target)).run(vector(target, command(target, "status", service)), timeout_s=reach.timeout_s)
    return ran.status == 0, (ran.out or ran.err).strip()[:300]


class ServiceRestart:
    """Restart; it runs afterwards. What came before cannot be brought back, and need not."""

    name: ClassVar[str] = "service.restart"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = ServiceOptions

    def plan(self, options: ServiceOptions, target: Asset | None) -> Act:
        """Restart, then ask for the state."""
        return Act(commands=shown(target, command(target, "restart", options.service), command(target, "status", options.service)))

    def verify(self, options: ServiceOptions, target: Asset | None, reach: Reach) -> State:
        """That it runs does not tell whether it was restarted; what is seen is said."""
        runs, said = is_running(target, options.service, reach)
        return State(holds=None, said=f"{options.service} {'runs' if runs else 'does not run'}: {said}")

    def do(self, options: ServiceOptions, target: Asset | None, reach: Reach) -> Answer:
        """Restart; raises BadReply when it fails or does not run."""
        ran = run(reach, target, command(target, "restart", options.service))
        run(reach, target, command(target, "status", options.service))
        return Answer(said=ran.out or f"{options.service} runs again")

    def undo(self, options: ServiceOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """There is nothing to put back."""
        return Answer()


class ServiceStop:
    """Stop; undo starts it again if it ran."""

    name: ClassVar[str] = "service.stop"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = ServiceOptions

    def plan(self, options: ServiceOptions, target: Asset | None) -> Act:
        """Stop and start."""
        return Act(commands=shown(target, command(target, "stop", options.service)), inverse=shown(target, command(target, "start", options.service)))

    def verify(self, options: ServiceOptions, target: Asset | None, reach: Reach) -> State:
        """Whether it is stopped."""
        runs, said = is_running(target, options.service, reach)
        return State(holds=not runs, said=said, before={"ran": runs})

    def do(self, options: ServiceOptions, target: Asset | None, reach: Reach) -> Answer:
        """Stop it."""
        return Answer(said=run(reach, target, command(target, "stop", options.service)).out)

    def undo(self, options: ServiceOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:
        """Start it, if it ran before."""
        runs, said = is_running(target, options.service, reach)
        if runs or not before.get("ran"):
            return Answer(said=said or "nothing to start")
        return Answer(said=run(reach, target, command(target, "start", options.service)).out)


class ServiceState:
    """Whether a service runs: ``running`` true or false."""

    name: ClassVar[str] = "service.state"
    danger: ClassVar[Danger] = Danger.READ
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = ServiceOptions

    def plan(self, options: ServiceOptions, target: Asset | None) -> Act:
        """Ask for the state."""
        return Act(commands=shown(target, command(target, "status", options.service)))

    def verify(self, options: ServiceOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Reading has no wanted state."""
        return State(holds=None)

    def do(self, options: ServiceOptions, target: Asset | None, reach: Reach) -> Answer:
        """Ask."""
        runs, said = is_running(target, options.service, reach)
        return Answer(said=said, values={"running": runs})

    def undo(self, options: ServiceOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Nothing was changed."""
        return Answer()
