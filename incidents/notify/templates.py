"""The words of a notice in Chinese and English. What came from devices is data here, never a template."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "first": ("problem", "告警"),
    "changed": ("changed", "变化"),
    "worse": ("worse", "升级"),
    "repeat": ("still going on", "仍未恢复"),
    "resolved": ("resolved", "已恢复"),
    "reopened": ("again", "再次发生"),
    "flapping": ("flapping", "抖动"),
    "flapping_ended": ("flapping ended", "抖动结束"),
    "ack_reminder": ("acknowledgement ends soon", "确认即将到期"),
    "ack_expired": ("acknowledgement expired", "确认已到期"),
    "escalation": ("you are called", "呼叫您"),
    "sla_warning": ("service level at 80 %", "服务级别已用 80%"),
    "sla_breach": ("service level breached", "服务级别已超时"),
    "digest": ("digest", "汇总"),
    "summary": ("summary", "概要"),
    "handover": ("handover", "交接班"),
    "unmuted": ("no longer muted", "静默结束"),
}
_TITLE: Final = {
    "en": "[{{ priority }}] {{ root or 'no asset' }}: {{ word }}{% if rules %} ({{ rules | join(', ') }}){% endif %}",
    "zh": "[{{ priority }}] {{ root or '无资产' }}: {{ word }}{% if rules %} ({{ rules | join(', ') }}){% endif %}",
}
_BODY: Final = {
    "en": """{{ title }}
Priority {{ priority }}, state {{ state }}, {{ members }} alert(s), {{ held }} held, {{ firing }} firing{% if owner %}, owner {{ owner }}{% endif %}
Rules: {{ rules | join(', ') }}
Assets: {{ assets | join(', ') }}
{{ text }}
{%- if link is defined %}
Open: {{ link }}{% endif %}
{%- if ack_link is defined %}
Acknowledge (once, for 24 h): {{ ack_link }}{% endif %}""",
    "zh": """{{ title }}
优先级 {{ priority }}, 状态 {{ state }}, {{ members }} 条告警, {{ held }} 条被抑制, {{ firing }} 条活动{% if owner %}, 负责人 {{ owner }}{% endif %}
规则: {{ rules | join(', ') }}
资产: {{ assets | join(', ') }}
{{ text }}
{%- if link is defined %}
打开: {{ link }}{% endif %}
{%- if ack_link is defined %}
确认（一次有效，24 小时内）: {{ ack_link }}{% endif %}""",
}
_LIST_TITLE: Final = {
    "en": "Wanglou {{ word }}: {{ number }} {% if reason == 'summary' %}more{% else %}incident(s){% endif %}",
    "zh": "望楼{{ word }}: {% if reason == 'summary' %}另有 {{ number }} 个事件{% else %}{{ number }} 个事件{% endif %}",
}
_LIST_BODY: Final = {
    "en": "{{ number }} {% if reason == 'summary' %}more {% endif %}incident(s): {{ roots[:most] | join(', ') }}{% if roots | length > most %} …{% endif %}",
    "zh": "共 {{ number }} 个事件: {{ roots[:most] | join(', ') }}{% if roots | length > most %} …{% endif %}",
}

MOST_ROOTS: Final = 50
"""A summary names so many, since chats refuse long messages."""


@lru_cache(maxsize=64)
def _template(source: str) -> Template:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    return environment.from_string(source)


def _render(sources: tuple[Mapping[str, str], Mapping[str, str]], content: Mapping[str, Any], language: str) -> str:
    word = REASONS[content["reason"]][language == "zh"]
    source = sources[0] if "incident" in content else sources[1]
    return _template(source[language]).render(**content, word=word, most=MOST_ROOTS).strip()


def title(content: Mapping[str, Any], language: str) -> str:
    """One line: priority, root, why, rules; of a note (a text of another part of the product) the note itself."""
    if "note" in content:
        return str(content["note"][language])
    return _render((_TITLE, _LIST_TITLE), content, language)


def body(content: Mapping[str, Any], language: str) -> str:
    """The whole notice."""
    if "note" in content:
        return str(content.get("more", ""))
    return _render((_BODY, _LIST_BODY), content, language)


def whole(content: Mapping[str, Any], language: str = "both") -> str:
    """Title and body, in one language or both."""
    chosen = ("zh", "en") if language in ("both", "") else (language,)
    return "\n".join(f"{title(content, one)}\n{body(content, one)}" for one in chosen)


def short(content: Mapping[str, Any], language: str, most: int) -> str:
    """One line for a phone, in one language (both: Chinese): title, what is wrong, and the link to acknowledge, which is never cut."""
    chosen = "en" if language == "en" else "zh"
    link = str(content.get("ack_link") or content.get("link") or "")
    text = str(content.get("text") or content.get("more") or "")
    half = text.partition(" / ")
    told = " ".join(f"{title(content, chosen)} {(half[2] if chosen == 'en' else half[0]) if half[1] else text}".split())
    room = most - len(link) - 1 if link and most - len(link) > 40 else most
    told = told if len(told) <= room else told[: room - 1] + "…"
    return f"{told} {link}" if room != most else told
