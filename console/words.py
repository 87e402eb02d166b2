"""The words, colours and shapes of states: the same in badges, tables, charts and maps, never colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from console.i18n import _, marked


@dataclass(frozen=True, slots=True)
class Look:
    """How one state looks: ``tint`` is the name of the badge colour, ``colour`` the same for charts."""

    word: str
    shape: str
    tint: str
    colour: str

    @property
    def text(self) -> str:
        """Shape and word in the reader's language."""
        return f"{self.shape} {_(self.word)}"


UNKNOWN: Final = Look(marked("unknown"), "?", "gray", "#616161")
SEVERITY: Final[Mapping[str, Look]] = {
    "critical": Look(marked("critical"), "●", "red", "#C62828"),
    "high": Look(marked("high"), "▲", "orange", "#E65100"),
    "warning": Look(marked("warning"), "◆", "yellow", "#B7791F"),
    "info": Look(marked("info"), "■", "blue", "#1565C0"),
}
GOOD: Final = Look(marked("good"), "✓", "green", "#2E7D32")
MUTED: Final = Look(marked("muted"), "‖", "violet", "#6A1B9A")
CUT_OFF: Final = Look(marked("cut off"), "⊘", "gray", "#616161")
ASSET: Final[Mapping[str, Look]] = {**SEVERITY, "good": GOOD, "muted": MUTED, "unreachable": CUT_OFF, "unknown": UNKNOWN}
STATE: Final[Mapping[str, Look]] = {
    "open": Look(marked("open"), "●", "red", "#C62828"),
    "acknowledged": Look(marked("acknowledged"), "◆", "yellow", "#B7791F"),
    "resolved": Look(marked("resolved"), "✓", "green", "#2E7D32"),
    "closed": Look(marked("closed"), "✓", "gray", "#616161"),
    "merged": Look(marked("merged"), "✓", "gray", "#616161"),
    "candidate": Look(marked("candidate"), "?", "gray", "#616161"),
    "pending": Look(marked("pending"), "◆", "gray", "#616161"),
    "firing": Look(marked("firing"), "●", "red", "#C62828"),
    "ended": Look(marked("ended"), "✓", "green", "#2E7D32"),
}
HELD: Final[Mapping[str, str]] = {
    "except": marked("exception"),
    "maintenance": marked("maintenance"),
    "freeze": marked("freeze"),
    "silence": marked("silence"),
    "inhibit": marked("inhibited by another alert"),
    "unreachable": marked("behind something that failed"),
    "flapping": marked("flapping"),
}
LINKS: Final[Mapping[str, Look]] = {
    "up": Look(marked("up"), "✓", "green", "#2E7D32"),
    "down": Look(marked("down"), "●", "red", "#C62828"),
    "half": Look(marked("a cable is down"), "▲", "orange", "#E65100"),
    "errors": Look(marked("errors"), "▲", "orange", "#E65100"),
    "busy": Look(marked("busy"), "◆", "yellow", "#B7791F"),
    "stale": Look(marked("not confirmed"), "?", "gray", "#616161"),
    "doubtful": Look(marked("doubtful"), "?", "gray", "#616161"),
    "gone": Look(marked("gone"), "⊘", "gray", "#616161"),
    "added": Look(marked("new"), "＋", "blue", "#1565C0"),
    "removed": Look(marked("no longer there"), "－", "violet", "#6A1B9A"),
    "moved": Look(marked("cabled otherwise"), "⇄", "blue", "#1565C0"),
}
PLAN: Final[Mapping[str, Look]] = {
    "ok": Look(marked("as planned"), "✓", "green", "#2E7D32"),
    "dynamic": Look(marked("handed out"), "✓", "green", "#2E7D32"),
    "unknown": Look(marked("unknown machine"), "◆", "yellow", "#B7791F"),
    "reserved": Look(marked("reserved, yet in use"), "▲", "orange", "#E65100"),
    "clash": Look(marked("two machines"), "●", "red", "#C62828"),
    "unseen": Look(marked("not seen"), "?", "gray", "#616161"),
    "unplanned": Look(marked("not in the plan"), "▲", "orange", "#E65100"),
    "unused": Look(marked("on no switch"), "?", "gray", "#616161"),
    "names": Look(marked("named differently"), "◆", "yellow", "#B7791F"),
}
OUTCOME: Final[Mapping[str, Look]] = {
    "fail": Look(marked("fails"), "●", "red", "#C62828"),
    "unknown": UNKNOWN,
    "pass": Look(marked("passes"), "✓", "green", "#2E7D32"),
    "not_applicable": Look(marked("not applicable"), "■", "gray", "#616161"),
}
CONFORMITY: Final[Mapping[str, Look]] = {
    "unknown": Look(marked("to be verified"), "?", "gray", "#616161"),
    "not_applicable": Look(marked("not applicable"), "■", "gray", "#616161"),
    "fails": Look(marked("does not conform"), "●", "red", "#C62828"),
    "partial": Look(marked("partly conforms"), "◆", "yellow", "#B7791F"),
    "conforms": Look(marked("conforms"), "✓", "green", "#2E7D32"),
}
DISCOVERY: Final[Mapping[str, Look]] = {
    "new": Look(marked("new"), "★", "blue", "#1565C0"),
    "changed": Look(marked("changed"), "◆", "yellow", "#B7791F"),
    "gone": Look(marked("gone"), "○", "gray", "#616161"),
    "known": Look(marked("known"), "✓", "green", "#2E7D32"),
    "ignored": Look(marked("set aside"), "‖", "violet", "#6A1B9A"),
    "waiting": Look(marked("waits"), "…", "gray", "#616161"),
    "running": Look(marked("under way"), "◆", "blue", "#1565C0"),
    "done": Look(marked("done"), "✓", "green", "#2E7D32"),
    "stopped": Look(marked("cut short"), "‖", "yellow", "#B7791F"),
    "failed": Look(marked("failed"), "●", "red", "#C62828"),
}
PORTS: Final[Mapping[str, Look]] = {
    "up": Look(marked("up"), "✓", "green", "#2E7D32"),
    "busy": Look(marked("busy"), "◆", "yellow", "#B7791F"),
    "errors": Look(marked("errors"), "▲", "orange", "#E65100"),
    "down": Look(marked("down"), "●", "red", "#C62828"),
    "free": Look(marked("nothing plugged in"), "○", "gray", "#616161"),
    "off": Look(marked("switched off"), "⊘", "gray", "#616161"),
    "unknown": UNKNOWN,
}
PRIORITY: Final[Mapping[str, Look]] = {
    "P1": Look("P1", "●", "red", "#C62828"),
    "P2": Look("P2", "▲", "orange", "#E65100"),
    "P3": Look("P3", "◆", "yellow", "#B7791F"),
    "P4": Look("P4", "■", "blue", "#1565C0"),
}
ROLES: Final[Mapping[str, str]] = {
    "viewer": marked("viewer"),
    "operator": marked("operator"),
    "duty_leader": marked("duty leader"),
    "security_officer": marked("security officer"),
    "system_admin": marked("system administrator"),
    "security_admin": marked("security administrator"),
    "audit_admin": marked("audit administrator"),
}
FIGURES: Final[Mapping[str, str]] = {
    "metric_bytes": marked("size of numbers"),
    "event_bytes": marked("size of events"),
    "state_bytes": marked("size of documents"),
    "series": marked("series"),
    "tail_samples": marked("samples not compacted yet"),
    "free_bytes": marked("free on the disk"),
    "event_files": marked("files of events"),
    "spool_records": marked("waiting to be shipped"),
    "spool_bytes": marked("size of what waits"),
    "spool_dropped": marked("samples dropped"),
    "dead_letters": marked("refused for good"),
}
RELATIONS: Final[Mapping[str, str]] = {
    "reached_by": marked("reached by"),
    "runs_on": marked("runs on"),
    "depends_on": marked("depends on"),
    "powered_by": marked("powered by"),
    "cooled_by": marked("cooled by"),
    "collected_by": marked("collected by"),
    "connected_to": marked("connected to"),
    "member_of": marked("member of"),
    "protected_by": marked("protected by"),
    "located_in": marked("located in"),
}
KINDS: Final[Mapping[str, str]] = {
    "server": marked("server"),
    "switch": marked("switch"),
    "router": marked("router"),
    "firewall": marked("firewall"),
    "software": marked("software"),
    "service": marked("service"),
    "website": marked("website"),
    "database": marked("database"),
    "ups": marked("UPS"),
    "sensor": marked("sensor"),
    "room": marked("room"),
    "business": marked("business system"),
    "vm": marked("virtual machine"),
    "host": marked("host"),
    "storage": marked("storage"),
    "ac": marked("air conditioner"),
    "pdu": marked("power strip"),
    "bmc": marked("management controller"),
    "printer": marked("printer"),
    "loadbalancer": marked("load balancer"),
    "wlc": marked("wireless controller"),
    "ap": marked("access point"),
    "camera": marked("camera"),
    "system": marked("system"),
    "other": marked("other"),
}


def look(table: Mapping[str, Look], key: str) -> Look:
    """The look of a state; a state that the table does not know is shown by its own name."""
    return table.get(key) or Look(key or UNKNOWN.word, "?", "gray", "#616161")


def word(table: Mapping[str, str], key: str) -> str:
    """The word of a key in the reader's language, or the key itself."""
    return _(table[key]) if key in table else key
