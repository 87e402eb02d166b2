"""The page behind a link in a notice: who was called acknowledges an incident with one press, without a login.

Opening the page changes nothing (mail programs open links by themselves); the press does, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from console.actions import ask, outcome
from console.desk import Desk
from console.door import read_form, render, speak_as
from console.i18n import _
from console.identity.accounts import Account
from console.identity.roles import Role
from console.queries.cases import Case, find_case
from core.errors import Conflict, NotFound, Refused, StoreError
from core.names import ACK_LINK
from core.secrets import token_id
from store.base import Document

LONGEST_TOKEN: Final = 100


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is still good, and what it is about."""

    document: Document
    case: Case

    @property
    def people(self) -> list[str]:
        """Who was called by the notice."""
        return [str(one["name"]) for one in self.document.body["people"]]


def routes(desk: Desk) -> list[Route]:
    """GET shows, POST acknowledges."""
    page = Page(desk)
    return [Route("/ack", page.show, methods=["GET"]), Route("/ack", page.act, methods=["POST"])]


class Page:
    """One method per way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        """What it is about, and a button for each who was called while it is open."""
        token = request.query_params.get("t", "")
        return await self._answer(request, token, lambda: self._seen(token))

    async def act(self, request: Request) -> Response:
        """Acknowledge it, as the person ``p`` when several were called."""
        form = await read_form(request)
        token = form.get("t", "")
        return await self._answer(request, token, lambda: self._acknowledged(token, form.get("p", "")))

    async def _answer(self, request: Request, token: str, work: Any) -> Response:
        speak_as(self._desk, request)
        try:
            values, status = await run_in_threadpool(work)
        except Refused as err:
            values, status = {"error": str(err)}, 410
        except StoreError:
            values, status = {"error": _("the store cannot be reached now; try again in a moment")}, 503
        return HTMLResponse(render("ack.html", {"case": None, "people": (), "token": token, "done": "", "error": "", **values}), status)

    def _seen(self, token: str) -> tuple[dict[str, Any], int]:
        link = self._link(token)
        return {"case": link.case, "people": link.people}, 200

    def _acknowledged(self, token: str, name: str) -> tuple[dict[str, Any], int]:
        """The page again, with status 400, when it is not clear which of several people it is."""
        link = self._link(token)
        body = link.document.body
        chosen = [one for one in body["people"] if one["name"] == name or (not name and len(body["people"]) == 1)]
        if not chosen:
            return {"case": link.case, "people": link.people}, 400
        account = self._account(chosen[0])
        try:
            self._desk.store.documents.put(
                ACK_LINK, link.document.id, {**body, "used": self._desk.now().isoformat(), "by": account.name}, link.document.version
            )
        except Conflict:
            raise Refused(_("this link was used already")) from None
        state, message = outcome(self._desk, ask(self._desk, account, "acknowledge", {}, link.case.id))
        values = {"case": link.case}
        if state == "refused":
            return {**values, "error": message}, 409
        return {**values, "done": _("Acknowledged. You have it now.") if state == "done" else _("Asked; the service has not answered yet.")}, 200

    def _link(self, token: str) -> Link:
        """The link of a token; raises Refused in words for one that is unknown, used, too old, or about nothing open."""
        if not token or len(token) > LONGEST_TOKEN:
            raise Refused(_("this link is not known"))
        try:
            document = self._desk.store.documents.get(ACK_LINK, token_id(token))
        except NotFound:
            raise Refused(_("this link is not known")) from None
        if document.body["used"]:
            raise Refused(_("this link was used already"))
        if datetime.fromisoformat(document.body["expires"]) <= self._desk.now():
            raise Refused(_("this link has run out; log in to act"))
        case = find_case(self._desk.store, document.body["incident"])
        if case is None or case.state != "open":
            raise Refused(_("this incident is not open any more"))
        return Link(document, case)

    def _account(self, called: dict[str, Any]) -> Account:
        """Who acts: the account of that name as it is now, else the person as the site's files know them."""
        known = self._desk.identity.accounts.find(called["name"])
        if known is not None and known.disabled:
            raise Refused(_("this account is closed"))
        return known or Account(name=called["name"], roles=tuple(role for role in Role if role in called["roles"]), unit=called["unit"])
