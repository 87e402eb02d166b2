"""How the configuration texts of the vendors are built: what parts blocks, which order matters, how a line is taken back.

The platform is netmiko's name; what a text itself tells comes first where platforms share one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Pattern = re.Pattern[str]
_NEVER: Final = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """``ordered``: headers whose lines are read from the top. ``series``: lines of one level that belong together and are read from the top.

    ``last`` is the line that every whole text ends with. Where a device writes none, ``mark`` is the comment that our reader adds
    once the device's prompt was seen again.
    """

    name: str
    comment: str
    negation: str
    enter: tuple[str, ...] = ()
    back: str = ""
    leave: tuple[str, ...] = ()
    save: str = ""
    ordered: Pattern = _NEVER
    series: Pattern = _NEVER
    section: str = ""
    last: str = ""
    mark: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether every line says its whole path (Junos in set form)."""
        return not self.back


_LISTS: Final = re.compile(r"^(?:ip(?:v6)? access-list|mac access-list|access-list|object-group|aaa authentication|time-range)\b|^(?:class-map|policy-map)\b")
_SERIES: Final = re.compile(r"^(?:access-list \S+|ipv6 access-list \S+ (?=permit|deny)|aaa (?:authentication|authorization|accounting) \S+ \S+)")
_RULES: Final = re.compile(r"^(?:acl|traffic policy|qos policy|security-policy|rule name|packet-filter)\b")


def _ios_like(name: str, save: str = "write memory", last: str = "end", mark: str = "") -> Dialect:
    return Dialect(
        name=name,
        comment="!",
        negation="no",
        enter=("configure terminal",),
        back="exit",
        leave=("end",),
        save=save,
        ordered=_LISTS,
        series=_SERIES,
        last=last,
        mark=mark,
    )


def _vrp_like(name: str) -> Dialect:
    return Dialect(name=name, comment="#", negation="undo", enter=("system-view",), back="quit", leave=("return",), save="save", ordered=_RULES, last="return")


DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect
    for dialect in (
        _ios_like("ios"),
        _ios_like("nxos", "copy running-config startup-config", last="", mark="! end of the text"),
        _ios_like("ruijie", "write"),
        _ios_like("frr", "write memory"),
        _ios_like("asa", last=": end"),
        _ios_like("eos"),
        _ios_like("stoneos", "save", last="", mark="! end of the text"),
        _vrp_like("vrp"),
        _vrp_like("usg"),
        _vrp_like("comware"),
        Dialect(
            name="junos", comment="#", negation="delete", enter=("configure",), leave=("commit check", "commit", "exit"), save="", mark="# end of the text"
        ),
        Dialect(
            name="fortios",
            comment="#",
            negation="unset",
            back="end",
            ordered=re.compile(r"^config firewall (?:local-in-)?policy6?\b"),
            last="end",
        ),
        Dialect(
            name="routeros", comment="#", negation="remove", section="/", back="/", ordered=re.compile(r"^/ip(?:v6)? firewall\b"), mark="# end of the text"
        ),
    )
}
PLATFORMS: Final[Mapping[str, str]] = {
    "cisco_ios": "ios",
    "cisco_xe": "ios",
    "cisco_xr": "ios",
    "cisco_nxos": "nxos",
    "cisco_asa": "asa",
    "arista_eos": "eos",
    "ruijie_os": "ruijie",
    "huawei": "vrp",
    "huawei_vrpv8": "vrp",
    "hp_comware": "comware",
    "hillstone_stoneos": "stoneos",
    "juniper_junos": "junos",
    "fortinet": "fortios",
    "mikrotik_routeros": "routeros",
    "linux": "frr",
}
"""netmiko's platform -> dialect; what is not named here is read like IOS."""
_SIGNS: Final = tuple(
    (re.compile(pattern, re.MULTILINE), name)
    for pattern, name in (
        (r"^frr (?:version|defaults) ", "frr"),
        (r"^version .*RGOS", "ruijie"),
        (r"^!Command: show (?:running|startup)-config|^version \d+\.\d+\(\d+\).*\bBios:|^feature \S+$", "nxos"),
        (r"^ip vrouter \"", "stoneos"),
        (r"^: Saved|^ASA Version ", "asa"),
        (r"^! device: .*EOS-", "eos"),
        (r"^ version \d\.\d\.\d{3}, |^ *irf (?:mac-address|domain|member)\b|^ *undo jumboframe", "comware"),
        (r"^security-policy$|^ *manager-user ", "usg"),
        (r"^!Software Version V\d{3}R\d{3}|^user-interface (?:vty|con)|^drop-profile default|^ *info-center ", "vrp"),
        (r"^set version \d|^set system host-name ", "junos"),
        (r"^#config-version=|^config system global$", "fortios"),
        (r"^# .* by RouterOS |^/ip address$", "routeros"),
        (r"^line vty |^service timestamps ", "ios"),
    )
)
_FINER: Final = frozenset({"frr", "usg"})  # told by the text even where the platform is known: vtysh is read as cisco_ios, a USG as huawei


def told(text: str) -> str:
    """The name of the dialect that a text speaks, empty when nothing tells."""
    return next((name for sign, name in _SIGNS if sign.search(text)), "")


def dialect_of(text: str, platform: str = "") -> Dialect:
    """The dialect of a text, by netmiko's platform when it is known; IOS when nothing tells."""
    own = told(text)
    if own in _FINER or not platform:
        return DIALECTS[own or "ios"]
    return DIALECTS[PLATFORMS.get(platform, "ios")]


def is_whole(text: str, dialect: Dialect) -> bool:
    """Whether the text ends as its dialect always does, or as our reader ends it."""
    return text.rstrip().rpartition("\n")[2].strip() == (dialect.last or dialect.mark)


def marked(text: str) -> str:
    """A text that was read until the prompt came again, with our mark where its dialect has no end of its own."""
    mark = dialect_of(text).mark
    return f"{text.rstrip()}\n{mark}\n" if mark and not is_whole(text, dialect_of(text)) else text
