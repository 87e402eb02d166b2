"""Login, logout, change of password and second factor: plain forms of our own, so that they work before anything else does."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from console.desk import Desk
from console.gate import COOKIE
from console.i18n import LANGUAGES, _, language, preferred, speak
from console.identity.login import CodeAsked
from console.identity.second import address_of, picture
from console.identity.sessions import Session, form_token, is_form_token
from core.errors import Refused, StoreError

FOLDER: Final = Path(__file__).with_name("templates")
LANGUAGE_COOKIE: Final = "wanglou_language"
FORM_COOKIE: Final = "wanglou_form"
STEP_COOKIE: Final = "wanglou_step"
LARGEST_FORM: Final = 16_384
_PAGES: Final = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
Form = Mapping[str, str]


def routes(desk: Desk) -> list[Route]:
    """The routes of the door."""
    door = Door(desk)
    return [
        Route("/login", door.login_page, methods=["GET"]),
        Route("/login", door.login, methods=["POST"]),
        Route("/login/code", door.code_page, methods=["GET"]),
        Route("/login/code", door.code, methods=["POST"]),
        Route("/logout", door.logout_page, methods=["GET"]),
        Route("/logout", door.logout, methods=["POST"]),
        Route("/password", door.password_page, methods=["GET"]),
        Route("/password", door.password, methods=["POST"]),
        Route("/second", door.second_page, methods=["GET"]),
        Route("/second", door.second, methods=["POST"]),
        Route("/door.css", door.style, methods=["GET"]),
        Route("/healthz", door.health, methods=["GET"]),
    ]


class Door:
    """One method per path."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def health(self, _request: Request) -> Response:
        """200 when pages and store answer; says nothing else to strangers."""
        health = await run_in_threadpool(self._desk.store.health)
        return JSONResponse({"ok": True, "store": health.ok})

    async def style(self, _request: Request) -> Response:
        """The style sheet of these pages."""
        return FileResponse(FOLDER / "door.css", headers={"cache-control": "max-age=3600"})

    async def login_page(self, request: Request) -> Response:
        """The form."""
        self._speak(request)
        return self._form(request, "login.html")

    async def login(self, request: Request) -> Response:
        """Name and password; the same answer for everything that is wrong."""
        self._speak(request)
        form = await read_form(request)
        if not _came_from_our_form(request, form):
            return self._form(request, "login.html", error=_("the page was open too long; try again"), status=400, wanted=form.get("next", ""))
        log_in = self._desk.identity.log_in
        try:
            token = await run_in_threadpool(log_in, form.get("name", "")[:200], form.get("password", ""), _address(request), self._desk.now())
        except CodeAsked as asked:
            response = RedirectResponse(f"/login/code?next={quote(own_path(form.get('next', '')))}", 303)
            self._keep(request, response, STEP_COOKIE, asked.step)
            return response
        except Refused as err:
            return self._form(request, "login.html", error=str(err), name=form.get("name", ""), status=401, wanted=form.get("next", ""))
        except StoreError:
            return self._form(request, "login.html", error=_("the store cannot be reached now; try again in a moment"), status=503, wanted=form.get("next", ""))
        return self._enter(request, form, token)

    def _enter(self, request: Request, form: Form, token: str) -> Response:
        """Off to the page that was asked for, with the session's cookie."""
        response = RedirectResponse(own_path(form.get("next", "")), 303)
        self._keep(request, response, COOKIE, token)
        self._keep(request, response, LANGUAGE_COOKIE, language(), lasts=True)
        return response

    async def code_page(self, request: Request) -> Response:
        """The second step of a login."""
        self._speak(request)
        return self._form(request, "code.html") if request.cookies.get(STEP_COOKIE) else RedirectResponse("/login", 303)

    async def code(self, request: Request) -> Response:
        """The code of the second factor, or a recovery code; the same answer for everything that is wrong."""
        self._speak(request)
        form = await read_form(request)
        if not _came_from_our_form(request, form):
            return self._form(request, "code.html", error=_("the page was open too long; try again"), status=400, wanted=form.get("next", ""))
        enter, step = self._desk.identity.enter_code, request.cookies.get(STEP_COOKIE, "")
        try:
            token = await run_in_threadpool(enter, step, form.get("code", "")[:100], _address(request), self._desk.now())
        except Refused as err:
            return self._form(request, "code.html", error=str(err), status=401, wanted=form.get("next", ""))
        except StoreError:
            return self._form(request, "code.html", error=_("the store cannot be reached now; try again in a moment"), status=503, wanted=form.get("next", ""))
        response = self._enter(request, form, token)
        response.delete_cookie(STEP_COOKIE)
        return response

    async def logout_page(self, request: Request) -> Response:
        """Asks once, since a link alone must not end a session."""
        return self._own_form(request, "logout.html")

    async def logout(self, request: Request) -> Response:
        """End the session."""
        self._speak(request)
        token, form = request.cookies.get(COOKIE, ""), await read_form(request)
        if not is_form_token(token, form.get("form", "")):
            return self._own_form(request, "logout.html", error=_("the page was open too long; try again"), status=400)
        await run_in_threadpool(self._desk.identity.log_out, token, _address(request), self._desk.now())
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    async def password_page(self, request: Request) -> Response:
        """The form for a new password, with the rules."""
        return self._own_form(request, "password.html")

    async def password(self, request: Request) -> Response:
        """Change the password; the session goes on under a new token."""
        self._speak(request)
        token, form = request.cookies.get(COOKIE, ""), await read_form(request)
        error = self._password_problem(token, form)
        if not error:
            change = self._desk.identity.change_password
            try:
                fresh = await run_in_threadpool(change, token, form.get("old", ""), form["new"], _address(request), self._desk.now())
            except Refused as err:
                error = str(err)
            else:
                response = RedirectResponse("/", 303)
                self._keep(request, response, COOKIE, fresh)
                return response
        return self._own_form(request, "password.html", error=error, status=400)

    async def second_page(self, request: Request) -> Response:
        """Enrol a second factor, or change or end the one there is."""
        return await self._second_form(request)

    async def second(self, request: Request) -> Response:
        """Enrol, end, or new recovery codes; each needs the password, and the code when there is a second factor."""
        self._speak(request)
        token, form = request.cookies.get(COOKIE, ""), await read_form(request)
        if not is_form_token(token, form.get("form", "")):
            return await self._second_form(request, error=_("the page was open too long; try again"))
        identity, done, now = self._desk.identity, form.get("do", ""), self._desk.now()
        given = (form.get("password", ""), form.get("code", "")[:100], _address(request), now)
        try:
            if done == "enrol":
                fresh, codes = await run_in_threadpool(identity.enrol, token, form.get("offer", ""), *given)
                response = self._codes(request, fresh, codes)
                self._keep(request, response, COOKIE, fresh)
                return response
            if done == "codes":
                return self._codes(request, token, await run_in_threadpool(identity.renew_codes, token, *given))
            await run_in_threadpool(identity.end_second, token, *given)
        except Refused as err:
            return await self._second_form(request, error=str(err), offer=form.get("offer", ""))
        return RedirectResponse("/second", 303)

    def _codes(self, request: Request, token: str, codes: tuple[str, ...]) -> Response:
        """The recovery codes, this once."""
        return HTMLResponse(render("second.html", {"codes": codes, "form": form_token(token), "name": _session(request).account.name, "error": ""}))

    async def _second_form(self, request: Request, error: str = "", offer: str = "") -> Response:
        self._speak(request)
        found: Session | None = getattr(request.state, "session", None)
        if found is None:
            return RedirectResponse("/login", 303)
        account = await run_in_threadpool(self._desk.identity.accounts.get, found.account.name)
        values: dict[str, Any] = {"form": form_token(request.cookies.get(COOKIE, "")), "name": account.name, "error": error, "codes": ()}
        values |= {"has_second": account.has_second, "left": len(account.recovery), "is_owed": account.needs_second(self._desk.settings.console)}
        if not account.has_second:
            values |= await run_in_threadpool(self._offer, found, offer)
        return HTMLResponse(render("second.html", values), 400 if error else 200)

    def _offer(self, session: Session, box: str) -> dict[str, str]:
        """The key to enrol as text and picture: the one that was shown before (``box``) when the code was mistyped, else a fresh one."""
        keys, name = self._desk.identity.keys, session.account.name
        try:
            key = keys.take_offer(name, session.id, box)
        except Refused:
            key, box = keys.offer(name, session.id)
        grouped = " ".join(key[at : at + 4] for at in range(0, len(key), 4))
        return {"key": grouped, "picture": picture(address_of(name, key)), "offer": box}

    def _password_problem(self, token: str, form: Form) -> str:
        if not is_form_token(token, form.get("form", "")):
            return _("the page was open too long; try again")
        if not form.get("new") or form["new"] != form.get("again"):
            return _("the new password was not typed twice the same way")
        return ""

    def _own_form(self, request: Request, page: str, error: str = "", status: int = 200) -> Response:
        """A form of somebody who is logged in."""
        self._speak(request)
        session = getattr(request.state, "session", None)
        if session is None:
            return RedirectResponse("/login", 303)
        values = {"form": form_token(request.cookies.get(COOKIE, "")), "name": session.account.name, "error": error, "policy": self._desk.settings.console}
        return HTMLResponse(render(page, values | {"is_first": session.account.must_change}), status)

    def _form(self, request: Request, page: str, error: str = "", name: str = "", status: int = 200, wanted: str = "") -> Response:
        """The form of somebody without a session: a random mark in a cookie and in the form must agree."""
        mark = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
        values = {"form": mark, "error": error, "name": name, "next": own_path(wanted or request.query_params.get("next", ""))}
        response = HTMLResponse(render(page, values), status)
        self._keep(request, response, FORM_COOKIE, mark)
        if request.query_params.get("language") in LANGUAGES:
            self._keep(request, response, LANGUAGE_COOKIE, language(), lasts=True)
        return response

    def _speak(self, request: Request) -> None:
        speak_as(self._desk, request)

    def _keep(self, request: Request, response: Response, name: str, value: str, *, lasts: bool = False) -> None:
        response.set_cookie(name, value, max_age=31_536_000 if lasts else None, httponly=True, secure=request.url.scheme == "https", samesite="lax")


def speak_as(desk: Desk, request: Request) -> None:
    """The language of a stranger: asked for, kept in a cookie, or what the browser prefers."""
    asked = request.query_params.get("language") or request.cookies.get(LANGUAGE_COOKIE) or ""
    speak(asked if asked in LANGUAGES else preferred(request.headers.get("accept-language", ""), desk.settings.language))


def own_path(path: str) -> str:
    """``path`` when it leads to a page of ours, else the first page: no redirect leaves the house."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\", "/login", "/logout")) and path.isprintable() and "\\" not in path
    return path if is_own else "/"


def render(page: str, values: Mapping[str, Any]) -> str:
    """A page of the folder ``templates`` in the language in use; every value is escaped."""
    gettext: Callable[[str], str] = _
    return _PAGES.get_template(page).render(_=gettext, language=language(), languages=LANGUAGES, **values)


async def read_form(request: Request) -> Form:
    """The fields of a form; one larger than any of ours is read as empty, which no form accepts."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _came_from_our_form(request: Request, form: Form) -> bool:
    mark = request.cookies.get(FORM_COOKIE, "")
    return bool(mark) and secrets.compare_digest(mark.encode(), form.get("form", "").encode())


def _session(request: Request) -> Session:
    session: Session = request.state.session  # the gate lets nobody in without one
    return session


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
