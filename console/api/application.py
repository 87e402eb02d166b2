"""The FastAPI application: routes, errors as JSON, and a page that describes it without leaving the house."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader

from console.api import assets, audit, compliance, discovery, events, flows, incidents, intake, metrics, network, runs
from console.api.callers import Strikes
from console.desk import Desk
from core.errors import Conflict, NotFound, Refused, StoreError, WanglouError

VERSION: Final = "1"
ABOUT: Final = (
    "Send the header Authorization: Bearer wl_...; tokens are made in the console under My account. "
    "Times are ISO 8601 with a zone. Lists give next: send it as cursor."
)
_PAGES: Final = Environment(loader=FileSystemLoader(Path(__file__).parent.parent / "templates"), autoescape=True)


def build_api(desk: Desk) -> FastAPI:
    """The API over a desk."""
    api = FastAPI(title="Wanglou API", version=VERSION, description=ABOUT, docs_url=None, redoc_url=None)
    api.state.desk = desk
    policy = desk.settings.console
    api.state.strikes = Strikes(policy.lock_after, timedelta(minutes=policy.lock_minutes))
    for part in (assets, network, discovery, metrics, events, flows, incidents, intake, compliance, runs, audit):
        api.include_router(part.router)
    api.add_exception_handler(WanglouError, _explain)
    api.get("/docs", include_in_schema=False)(_docs)
    return api


def _explain(_request: Request, error: Exception) -> JSONResponse:
    """Our own errors with the status that fits; their text may be shown."""
    status = 400
    for kind, code in ((NotFound, 404), (Conflict, 409), (StoreError, 503), (Refused, 403)):
        if isinstance(error, kind):
            status = code
            break
    return JSONResponse({"detail": str(error)}, status)


def _docs(request: Request) -> HTMLResponse:
    schema = request.app.openapi()
    return HTMLResponse(_PAGES.get_template("api.html").render(schema=schema, calls=calls_of(schema)))


def calls_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry per call: method, path, what it does, its parameters."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "about": call.get("summary", ""),
            "text": call.get("description", ""),
            "parameters": call.get("parameters", []),
        }
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    ]
