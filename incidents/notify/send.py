"""Sending one notice to one receiver: mail over SMTP, a web hook as JSON, a gateway or modem for SMS, a ticket system, everything else through apprise.

The answer is "ok", an HTTP-like status ("401", "429", "500"), or "hang" when nothing came within ten seconds. No address and no
secret of a receiver ever goes into an error, a log or a record.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any, Final

import httpx2
from pydantic import BaseModel, ValidationError

from core.errors import ConfigError
from incidents.config import Receiver
from incidents.notify import gateway, modem, ticket
from incidents.notify.answer import Answer, Target
from incidents.notify.templates import title, whole

WITHIN_S: Final = 10.0
REFUSED: Final = "403"
FAILED: Final = "500"


OPTIONS: Final[Mapping[str, type[BaseModel]]] = {"gateway": gateway.Options, "modem": modem.Options, "ticket": ticket.Options}


def send(receiver: Receiver, content: Mapping[str, Any], target: Target, language: str, memory: ticket.Memory | None = None) -> Answer:
    """Deliver; never raises for what the receiver or the network does."""
    chosen = receiver.language or language
    match _options(receiver):
        case gateway.Options() as options:
            return gateway.deliver(options, content, target, chosen, WITHIN_S)
        case modem.Options() as options:
            return modem.deliver(options, content, target, chosen)
        case ticket.Options() as options:
            return ticket.deliver(receiver.id, options, content, target, chosen, WITHIN_S, {} if memory is None else memory)
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


def _options(receiver: Receiver) -> BaseModel | None:
    kind = OPTIONS.get(receiver.kind)
    return kind.model_validate(receiver.options) if kind else None


def check(receiver: Receiver) -> None:
    """Raise ConfigError when a receiver cannot work as written."""
    try:
        _options(receiver)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        raise ConfigError(first["msg"], key=".".join(map(str, ("receivers", receiver.id, "options", *first["loc"])))) from None
    if receiver.kind == "ticket" and (receiver.digest or receiver.limit or receiver.quiet):
        raise ConfigError("a ticket system has no quiet hours, limit or digest: each incident has its own ticket", key=f"receivers.{receiver.id}")
    if receiver.kind == "webhook" and receiver.target and not receiver.target.startswith(("http://", "https://", "secret:")):
        raise ConfigError(
            "the target of a webhook begins with http:// or https://, or names a sealed credential: secret:NAME", key=f"receivers.{receiver.id}.target"
        )
