"""Sending one notice to one receiver: mail over SMTP, a web hook as JSON, everything else through apprise.

The answer is "ok", an HTTP-like status ("401", "429", "500"), or "hang" when nothing came within ten seconds. No address and no
secret of a receiver ever goes into an error, a log or a record.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Final

import httpx2

from core.errors import ConfigError
from incidents.config import Receiver
from incidents.notify.templates import title, whole

WITHIN_S: Final = 10.0
REFUSED: Final = "403"
FAILED: Final = "500"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; ``retry_after_s`` only with 429."""

    status: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a receiver's notices go, with its secrets opened."""

    address: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def send(receiver: Receiver, content: Mapping[str, Any], target: Target, language: str) -> Answer:
    """Deliver; never raises for what the receiver or the network does."""
    chosen = receiver.language or language
    if receiver.kind == "webhook":
        return _post(content, target, chosen)
    if receiver.kind == "mail" and not target.address.startswith("mailto"):
        return _mail(receiver, content, target, chosen)
    return _apprise(content, target, chosen)


def _post(content: Mapping[str, Any], target: Target, language: str) -> Answer:
    headers = {"authorization": f"Bearer {target.token}"} if target.token else {}
    note = {**content, "subject": _subject(content, language), "body": whole(content, language)}
    try:
        answer = httpx2.post(target.address, json=note, headers=headers, timeout=WITHIN_S, follow_redirects=False)
    except httpx2.TimeoutException:
        return Answer("hang")
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return Answer(FAILED)
    if answer.is_success:
        return Answer("ok")
    wait = answer.headers.get("retry-after", "")
    return Answer(str(answer.status_code), float(wait) if wait.isdigit() else None)


def _mail(receiver: Receiver, content: Mapping[str, Any], target: Target, language: str) -> Answer:
    given = receiver.options
    message = EmailMessage()
    message["Subject"] = " ".join(_subject(content, language).split())[:200]
    message["From"] = str(given.get("from", "wanglou@localhost"))
    message["To"] = target.address
    message.set_content(whole(content, language))
    try:
        with smtplib.SMTP(str(given.get("host", "127.0.0.1")), int(given.get("port", 25)), timeout=WITHIN_S) as link:
            if given.get("starttls"):
                link.starttls(context=ssl.create_default_context())
            if target.username:
                link.login(target.username, target.password)
            link.send_message(message)
    except TimeoutError:
        return Answer("hang")
    except smtplib.SMTPAuthenticationError:
        return Answer("401")
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused):
        return Answer(REFUSED)
    except (smtplib.SMTPException, OSError):
        return Answer(FAILED)
    return Answer("ok")


def _apprise(content: Mapping[str, Any], target: Target, language: str) -> Answer:
    import apprise

    sender = apprise.Apprise()
    if not target.address or not sender.add(target.address):
        return Answer(REFUSED)
    try:
        is_sent = sender.notify(title=_subject(content, language), body=whole(content, language))
    except (OSError, TypeError, ValueError):
        return Answer(FAILED)
    return Answer("ok" if is_sent else FAILED)


def _subject(content: Mapping[str, Any], language: str) -> str:
    return title(content, "en" if language == "en" else "zh")


def check(receiver: Receiver) -> None:
    """Raise ConfigError when a receiver cannot work as written."""
    if receiver.kind == "webhook" and receiver.target and not receiver.target.startswith(("http://", "https://", "secret:")):
        raise ConfigError(
            "the target of a webhook begins with http:// or https://, or names a sealed credential: secret:NAME", key=f"receivers.{receiver.id}.target"
        )
