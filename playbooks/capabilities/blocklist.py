"""An address on a block list: a plain text file, one address a line, that a firewall or proxy reads (external dynamic list, ``ipset restore``, ``include``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from core.errors import BadReply
from inventory.asset import Asset
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Address, Path


class BlockOptions(Options):
    """The address, and the file on the target (it must be there)."""

    address: Address
    list: Path


class BlockListAdd:
    """Adds a line; undo takes it out. Nothing else of the file is touched."""

    name: ClassVar[str] = "blocklist.add"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = BlockOptions

    def plan(self, options: BlockOptions, target: Asset | None) -> Act:  # noqa: ARG002 - the same for every target
        """``tee`` adds the line, ``sed`` takes it out."""
        return Act(commands=(f"tee -a -- {options.list} <<< {options.address}",), inverse=(" ".join(_take_out(options)),))

    def verify(self, options: BlockOptions, target: Asset | None, reach: Reach) -> State:
        """Whether the line is there; raises BadReply when the file is not."""
        asset = _asset(target)
        ran = reach.shell(asset).run(["grep", "-Fxq", "--", options.address, options.list])
        if ran.status > 1:
            raise BadReply(asset.id, f"the block list {options.list} cannot be read: {ran.err.strip()}")
        return State(holds=ran.status == 0, said=f"{options.address} is {'' if ran.status == 0 else 'not '}on {options.list}")

    def do(self, options: BlockOptions, target: Asset | None, reach: Reach) -> Answer:
        """Add the line."""
        asset = _asset(target)
        ran = reach.shell(asset).run(["tee", "-a", "--", options.list], stdin=f"{options.address}\n")
        if ran.status:
            raise BadReply(asset.id, f"the block list {options.list} cannot be written: {ran.err.strip()}")
        return Answer(said=ran.out)

    def undo(self, options: BlockOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - it was not there
        """Take the line out."""
        asset = _asset(target)
        ran = reach.shell(asset).run(_take_out(options))
        if ran.status:
            raise BadReply(asset.id, f"the block list {options.list} cannot be written: {ran.err.strip()}")
        return Answer(said=f"{options.address} taken out of {options.list}")


def _take_out(options: BlockOptions) -> list[str]:
    return ["sed", "-i", "-e", f"/^{re.escape(options.address)}$/d", "--", options.list]


def _asset(target: Asset | None) -> Asset:
    if target is None:
        raise AssertionError("a targeted capability is given its target")
    return target
