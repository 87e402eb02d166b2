"""The watch from outside the service: whether it lives, and whether what alerting had to do by now was done.

Alerting writes when its next step falls due (a call, a notice, the end of an acknowledgement). The supervisor, another process, reads that; when the
time went by without the step, or without a sign of life, it alarms by a way of its own: a web hook or a modem, through nothing that the service runs.
While all is well it asks an address outside every minute, so that somebody else notices when the whole machine is silent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from core.errors import ConfigError
from core.settings import Settings, WatchdogSettings
from incidents.config import Receiver
from incidents.notify.answer import Answer, Target
from incidents.notify.send import send
from service.supervisor import read_heartbeat

HEARTBEAT_EVERY_S: Final = 60.0
AGAIN_AFTER_S: Final = 1800.0
TRY_AGAIN_S: Final = 30.0
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "silent": ("望楼服务已 {s:.0f} 秒没有动静", "the Wanglou service has shown no sign of life for {s:.0f} s"),
    "overdue": ("望楼有一步通知或升级已超时 {s:.0f} 秒未执行", "a call or notice of Wanglou is overdue by {s:.0f} s"),
    "well": ("望楼恢复正常", "Wanglou works again"),
}


def due_path(data: Path) -> Path:
    """Where alerting writes when its next step falls due."""
    return data / "run" / "due.json"


def write_due(data: Path, due: float | None) -> None:
    """Replace the file in one step; ``due`` in monotonic seconds of this machine."""
    new = due_path(data).with_suffix(".new")
    new.parent.mkdir(parents=True, exist_ok=True)
    new.write_text(json.dumps({"due": due}), encoding="utf-8")
    new.replace(due_path(data))


def read_due(data: Path) -> float | None:
    """When the next step falls due; None when there is none or nothing is known."""
    try:
        found = json.loads(due_path(data).read_text(encoding="utf-8"))["due"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if isinstance(found, int | float) else None


def trouble(now: float, beat: float | None, due: float | None, limit_s: float) -> tuple[str, float] | None:
    """(silent or overdue, seconds) when something is wrong for longer than the limit. Pure; all times monotonic."""
    if beat is not None and now - beat > limit_s:
        return "silent", now - beat
    return ("overdue", now - due) if due is not None and now - due > limit_s else None


class Watchdog:
    """Asked every half second; sends on threads of its own, so that it never keeps its caller waiting."""

    def __init__(self, settings: Settings, say: Callable[[str], None], send_by: Callable[[WatchdogSettings, str], bool] | None = None) -> None:
        self._settings, self._say, self._send_by = settings, say, send_by or alarm
        self._told, self._next_alarm, self._next_beat = "", 0.0, 0.0
        self._began: float | None = None
        self._busy = threading.Lock()

    def look(self, now: float) -> None:
        """Judge, and alarm when it is time to."""
        self._began = now if self._began is None else self._began
        beat = read_heartbeat(self._settings.data)
        since = max(self._began, float(beat["monotonic"])) if beat else self._began
        found = trouble(now, since, read_due(self._settings.data), self._settings.watchdog.limit_s)
        kind = found[0] if found else ""
        if found and now >= self._next_alarm:
            self._alarm(kind, found[1], now)
        elif not found and self._told:
            self._alarm("well", 0.0, now)
        if not found and now >= self._next_beat and self._settings.watchdog.heartbeat_url.get_secret_value():
            self._next_beat = now + HEARTBEAT_EVERY_S
            threading.Thread(target=beat_outside, args=(self._settings.watchdog,), daemon=True).start()

    def _alarm(self, kind: str, seconds: float, now: float) -> None:
        zh, en = (text.format(s=seconds) for text in TEXTS[kind])
        if not self._busy.acquire(blocking=False):
            return
        self._say(en)
        self._told, self._next_alarm = ("", 0.0) if kind == "well" else (kind, now + AGAIN_AFTER_S)
        threading.Thread(target=self._send, args=(f"{zh} / {en}", kind, now), daemon=True).start()

    def _send(self, text: str, kind: str, now: float) -> None:
        try:
            if not self._send_by(self._settings.watchdog, text) and kind != "well":
                self._next_alarm = now + TRY_AGAIN_S
        finally:
            self._busy.release()


def alarm(ways: WatchdogSettings, text: str) -> bool:
    """Tell it by every way that is set; whether any took it (or none is set)."""
    zh, _, en = text.partition(" / ")
    content: dict[str, Any] = {"reason": "note", "note": {"zh": zh, "en": en}, "more": ""}
    answers: list[Answer] = []
    if url := ways.alarm_url.get_secret_value():
        answers.append(_send(Receiver(id="watchdog", kind="webhook"), content, Target(url)))
    if ways.alarm_modem:
        receiver = Receiver(id="watchdog", kind="modem", options={"to": list(ways.alarm_to), "parts": 1})
        answers.append(_send(receiver, content, Target(ways.alarm_modem)))
    return not answers or any(answer.status == "ok" for answer in answers)


def _send(receiver: Receiver, content: Mapping[str, Any], target: Target) -> Answer:
    try:
        return send(receiver, content, target, "both")
    except (ConfigError, ValueError):
        return Answer("500")


def beat_outside(ways: WatchdogSettings) -> None:
    """Ask the address that expects to be asked; what it answers does not matter, its own alarm is its business."""
    import httpx2

    try:
        httpx2.get(ways.heartbeat_url.get_secret_value(), timeout=10, follow_redirects=False)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return
