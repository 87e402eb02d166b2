"""An Ansible playbook from the folder ``ansible/`` of the site, one asset at a time. The file is approved by its SHA-256.

Whether it is all done already is learnt by a run in check mode, which changes nothing and counts what would change.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from core.errors import BadReply, ConfigError, HostKeyChanged, Unreachable
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, fact
from playbooks.capability import Act, Answer, Danger, Options, Ran, Reach, State
from playbooks.words import HOST, whole

FileName = Annotated[str, AfterValidator(whole(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}\.ya?ml", "name of a file such as harden.yml"))]
Digest = Annotated[str, AfterValidator(whole(r"[0-9a-f]{64}", "SHA-256 in small hexadecimal digits"))]
VarName = Annotated[str, AfterValidator(whole(r"(?!ansible_)[a-z_][a-z0-9_]{0,60}", "name of a variable, which must not begin with ansible_"))]
VarText = Annotated[str, AfterValidator(whole(r"(?!-)(?!.*\.\.)[A-Za-z0-9_./@:=+, -]{0,500}", "text of letters, digits and _ . / @ : = + , - (not first)"))]
_RECAP: Final = re.compile(r"^target\s*:\s*ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
_PLACE: Final = re.compile(rf"{HOST}|[0-9A-Fa-f:.]+", re.ASCII)


class AnsibleOptions(Options):
    """Which file, exactly, and its variables."""

    file: FileName
    sha256: Digest
    variables: Mapping[VarName, StrictBool | StrictInt | VarText] = Field(default_factory=dict, max_length=50)


class AnsibleRun:
    """Runs it. Ansible's own modules can be repeated, a playbook need not be: after a kill it is looked at in check mode."""

    name: ClassVar[str] = "ansible.run"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = False
    Options: ClassVar = AnsibleOptions

    def plan(self, options: AnsibleOptions, target: Asset | None) -> Act:
        """The call; its own inventory, key and known hosts are left out."""
        asset = asset_of(target)
        if not _PLACE.fullmatch(asset.address):
            raise ConfigError("the asset needs an address", key=f"assets.{asset.id}.address")
        become = ["--become"] if fact(target, "act_sudo") == "yes" else []
        variables = json.dumps(dict(options.variables), ensure_ascii=False, sort_keys=True)
        words = ["ansible-playbook", "--limit", asset.address, *become, "--extra-vars", variables, options.file]
        return Act(commands=(f"{shlex.join(words)}  # sha256 {options.sha256}",))

    def verify(self, options: AnsibleOptions, target: Asset | None, reach: Reach) -> State:
        """A run in check mode: nothing would change, so all is done."""
        ran = reach.play(asset_of(target), options.file, options.sha256, options.variables, check=True)
        try:
            counts = _counts(ran, target)
        except BadReply as err:
            return State(holds=None, said=f"check mode cannot tell: {err}")
        return State(holds=counts["changed"] == 0, said=f"{counts['changed']} tasks would change something")

    def do(self, options: AnsibleOptions, target: Asset | None, reach: Reach) -> Answer:
        """Run it; ``values`` are the counts of its recap."""
        ran = reach.play(asset_of(target), options.file, options.sha256, options.variables, check=False)
        return Answer(said=ran.out, values=_counts(ran, target))

    def undo(self, options: AnsibleOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Only another playbook may."""
        return Answer()


def _counts(ran: Ran, target: Asset | None) -> dict[str, int]:
    """ok, changed and the rest; raises Unreachable, HostKeyChanged, BadReply."""
    asset = asset_of(target).id
    found = _RECAP.search(ran.out)
    counts = dict(zip(("ok", "changed", "unreachable", "failed"), map(int, found.groups()), strict=True)) if found else {}
    text = (ran.err.strip() or ran.out.strip())[-1500:]
    if "Host key verification failed" in ran.out + ran.err or "HOST IDENTIFICATION HAS CHANGED" in ran.out + ran.err:
        raise HostKeyChanged(asset, f"the host key is not the approved one: {text[-300:]}")
    if counts.get("unreachable"):
        raise Unreachable(asset, ran.out.strip()[-1500:])
    if ran.status or not counts or counts["failed"]:
        raise BadReply(asset, f"ansible-playbook ended with status {ran.status}: {ran.out.strip()[-2200:]} {text[-300:]}".strip())
    return counts
