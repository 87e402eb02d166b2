"""Host: the newest snapshots of one asset, each parsed once however many checks ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from compliance import kinds
from compliance.kinds import PARSER_VERSION, Row, Unreadable
from compliance.verdict import Read
from core.records import Snapshot
from inventory.configuration.blocks import Block

T = TypeVar("T")
CONFIGURATION = "running-config"
SYSTEMS = ("os-release", "windows.system")
_WINDOWS: Mapping[str, str] = {"1": "windows-client", "2": "windows-controller", "3": "windows-server"}
"""By the product type that Windows names: a work station, a domain controller, another server."""
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "debian": ("debian", "ubuntu", "kylin", "uos", "deepin", "linuxmint", "raspbian"),
    "rhel": ("rhel", "centos", "rocky", "almalinux", "fedora", "openeuler", "anolis", "ol", "opencloudos", "tencentos", "alinux", "bclinux"),
    "suse": ("suse", "sles", "opensuse", "opensuse-leap"),
    "alpine": ("alpine",),
}


class Host:
    """Snapshots by kind, and what was made of them. ``now`` decides how old they are."""

    def __init__(self, asset: str, snapshots: Iterable[Snapshot], now: datetime) -> None:
        self.asset, self.now = asset, now
        self._newest: dict[str, Snapshot] = {}
        self._made: dict[tuple[str, ...], Any] = {}
        for snapshot in snapshots:
            known = self._newest.get(snapshot.kind)
            if known is None or known.time < snapshot.time:
                self._newest[snapshot.kind] = snapshot

    def snapshot(self, kind: str, limit: timedelta) -> Snapshot | None:
        """The newest text of a kind, None when there is none or it is gone (sent once more, empty); raises Unreadable when it is older than ``limit``."""
        found = self._newest.get(kind)
        if found and not found.body.strip():
            return None
        if found and self.now - found.time > limit:
            hours = (self.now - found.time).total_seconds() / 3600
            raise Unreadable(f"{kind} was last read {hours:.0f} hours ago", f"{kind} 上次读取是 {hours:.0f} 小时前")
        return found

    def has(self, kind: str) -> bool:
        """Whether a text of this kind is there, however old."""
        return kind in self._newest and bool(self._newest[kind].body.strip())

    def read(self, kind: str) -> Read | None:
        """What a verdict says of the text that it rests on."""
        found = self._newest.get(kind)
        if found is None:
            return None
        return Read(kind=kind, time=found.time, sha256=self._once(("sha256", kind), lambda: found.sha256), parser=PARSER_VERSION)

    def _once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._made:
            try:
                self._made[key] = make()
            except Unreadable as err:
                self._made[key] = err
        if isinstance(self._made[key], Unreadable):
            raise self._made[key]
        return cast("T", self._made[key])

    def lines(self, kind: str, files: str = "") -> list[str]:
        """Every line (of those files); raises Unreadable."""
        body = self._newest[kind].body if kind in self._newest else ""
        return self._once(("lines", kind, files), lambda: kinds.within(kinds.readable(kind, body) if body else [], files))

    def plain(self, kind: str, files: str = "") -> list[str]:
        """The lines that say something: no comments, headings, blanks or banners."""
        if kinds.form_of(kind).form == "configuration":
            return self._once(("plain", kind), lambda: [line for block in self.blocks(kind) for _depth, line in block.walk(banners=False)])
        return self._once(("plain", kind, files), lambda: kinds.plain(kind, self.lines(kind, files)))

    def blocks(self, kind: str) -> tuple[Block, ...]:
        """A configuration as a tree; raises Unreadable."""
        return self._once(("blocks", kind), lambda: kinds.blocks(self.lines(kind)))

    def settings(self, kind: str, files: str = "") -> Mapping[str, str]:
        """Settings by lower-case name, with ``<name>_age`` in days for times."""
        form = kinds.form_of(kind)
        return self._once(("settings", kind, files), lambda: kinds.with_ages(dict(kinds.settings(kind, self.lines(kind, files))), form, self.now))

    def rows(self, kind: str) -> tuple[Row, ...]:
        """Table rows."""
        return self._once(("rows", kind), lambda: kinds.rows(kind, self.lines(kind), self.now))

    def saw_everything(self) -> bool:
        """Whether the collector could read what root alone may read (told from the password states)."""
        states = {row["password"] for row in self.rows("accounts")}
        return bool(states) and "unknown" not in states

    def platforms(self) -> frozenset[str]:
        """Linux, its family and distribution; Windows and what it serves as; a network device and the dialect of its configuration.

        Empty when neither was read. Raises Unreadable when two platforms claim the asset; FRR alone runs on a host of its own.
        """
        linux, windows, device = self._of_host(), self._of_windows(), self._of_device()
        if linux and windows:
            raise Unreadable("os-release and windows.system name different platforms", "os-release 与 windows.system 指向不同平台")
        host = linux | windows
        if host and device - {"network", "frr"}:
            both = ", ".join(sorted((host | device) - {"network", "linux"}))
            raise Unreadable(f"os-release and the configuration name different platforms: {both}", f"os-release 与设备配置指向不同平台：{both}")
        return host | device | self.worked_out()

    def worked_out(self) -> frozenset[str]:
        """What texts that were worked out and not collected stand for: an asset of the inventory, the whole estate, the organisation, the product itself."""
        there = (kinds.form_of(kind).platform for kind in self._newest if self.has(kind))
        return frozenset(name for name in there if name)

    @property
    def asset_class(self) -> str:
        """network, host, room, power, place, system or other, as the inventory has it; empty when that was not worked out."""
        return self.settings("inventory.record").get("class", "") if "inventory.record" in self._newest else ""

    @property
    def is_host(self) -> bool:
        """Whether a text of an operating system or of a device was read."""
        return bool({*SYSTEMS, CONFIGURATION} & self._newest.keys())

    def _of_device(self) -> frozenset[str]:
        found = self._newest.get(CONFIGURATION)
        if found is None or not found.body.strip():
            return frozenset()
        own = self._once(("dialect",), lambda: kinds.dialect(self.lines(CONFIGURATION)))
        return frozenset({"network", own}) if own else frozenset()

    def _of_host(self) -> frozenset[str]:
        if "os-release" not in self._newest:
            return frozenset()
        found = self.settings("os-release")
        names = [found.get("id", "").strip("'\"").lower(), *found.get("id_like", "").strip("'\"").lower().split()]
        families = {family for family, members in _FAMILIES.items() if set(names) & set(members)}
        if len(families) > 1:
            both = ", ".join(sorted(families))
            raise Unreadable(f"os-release names several platforms: {both}", f"os-release 同时指向多个平台：{both}")
        return frozenset({"linux", names[0], *families} - {""})

    def _of_windows(self) -> frozenset[str]:
        if "windows.system" not in self._newest or not self._newest["windows.system"].body.strip():
            return frozenset()
        return frozenset({"windows", _WINDOWS[self.settings("windows.system")["product_type"]]})
