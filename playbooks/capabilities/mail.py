"""A mail to somebody outside of the product (a vendor, a supplier), by the site's mail server as target.

Facts of that asset: ``smtp_port`` (25), ``smtp_tls`` (``starttls``, ``tls`` or ``none``), ``smtp_from``. Its credential for ``act``, when it has one, logs in.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from core.errors import AuthRefused, BadReply, ConfigError, Unreachable
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, fact
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Line, whole

MailAddress = Annotated[str, AfterValidator(whole(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}", "mail address"))]


def _single(text: str) -> str:
    if len(text.splitlines()) > 1:  # also by the separators that are no control characters
        raise ValueError("is no single line of text")
    return text


class MailOptions(Options):
    """To whom, and what."""

    to: tuple[MailAddress, ...] = Field(min_length=1, max_length=20)
    subject: Annotated[Line, Field(min_length=1, max_length=200), AfterValidator(_single)]
    text: str = Field(min_length=1, max_length=20_000)


class MailSend:
    """Sends it once; a mail cannot be called back."""

    name: ClassVar[str] = "mail.send"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = MailOptions

    def plan(self, options: MailOptions, target: Asset | None) -> Act:
        """The mail as it goes out."""
        return Act(commands=(f"mail by {asset_of(target).id} to {', '.join(options.to)}: {options.subject}\n{options.text}",))

    def verify(self, options: MailOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Nobody can tell whether it came."""
        return State(holds=None)

    def do(self, options: MailOptions, target: Asset | None, reach: Reach) -> Answer:
        """Hand it to the server; raises Unreachable, AuthRefused, BadReply."""
        asset = asset_of(target)
        sender = fact(target, "smtp_from")
        if not sender or not asset.address:
            raise ConfigError("the mail server needs an address and the fact smtp_from", key=f"assets.{asset.id}.facts.smtp_from")
        try:
            with _server(asset, reach.timeout_s) as server:
                if name := asset.credentials.get("act"):
                    secret = reach.secrets.get(name)
                    server.login(secret.username, secret.password)
                refused = server.send_message(_message(options, sender), sender, list(options.to))
        except smtplib.SMTPAuthenticationError as err:
            raise AuthRefused(asset.id, f"{asset.address} refused the login") from err
        except smtplib.SMTPResponseException as err:
            raise BadReply(asset.id, f"{asset.address} refused: {err.smtp_code} {err.smtp_error!r}") from err
        except (smtplib.SMTPException, OSError) as err:
            raise Unreachable(asset.id, f"{asset.address}: {err}") from err
        return Answer(said=f"taken by {asset.address}" + (f", but not for {', '.join(refused)}" if refused else ""))

    def undo(self, options: MailOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """It is gone."""
        return Answer()


def _server(asset: Asset, timeout_s: float) -> smtplib.SMTP:
    port, how = int(fact(asset, "smtp_port", "25")), fact(asset, "smtp_tls", "starttls")
    if how == "tls":
        return smtplib.SMTP_SSL(asset.address, port, timeout=timeout_s, context=ssl.create_default_context())
    server = smtplib.SMTP(asset.address, port, timeout=timeout_s)
    if how == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server


def _message(options: MailOptions, sender: str) -> EmailMessage:
    found = EmailMessage()
    found["From"], found["To"], found["Subject"] = sender, ", ".join(options.to), options.subject
    found["Date"], found["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    found.set_content(options.text)
    return found
