"""The few pieces that all pages are made of, so that they look alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import streamlit as st

from console.desk import Desk, desk
from console.gate import COOKIE
from console.i18n import _, speak
from console.identity.accounts import Account
from console.identity.roles import Right
from console.identity.sessions import Session
from console.queries.times import ago, clock
from console.text import plain
from console.words import Look, look
from core.errors import StoreError, WanglouError

VIEWS: Final = Path(__file__).with_name("views")
ROW_HEIGHT: Final = 32
T = TypeVar("T")


def enter(right: Right) -> tuple[Desk, Account]:
    """What every page calls first: the desk, and who is here; stops the page when the right is missing."""
    session = present_session()
    if not session.account.may(right):
        st.error(_("Your roles do not give access to this page."))
        st.stop()
    return desk(), session.account


def cookie(name: str) -> str:
    """A cookie that the browser sent when it connected."""
    return str(st.context.cookies.get(name, ""))


def present_session(*, touch: bool = False) -> Session:
    """The living session of this browser; stops the page when it has ended. ``touch`` is a sign of life."""
    here = desk()
    session = here.identity.sessions.find(cookie(COOKIE), here.now(), touch=touch)
    if session is None:
        st.warning(_("Your session has ended."))
        st.link_button(_("Log in again"), "/login", type="primary")
        st.stop()
    return session


def live(seconds: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A part of a page that draws itself anew every ``seconds`` (at least 5), leaving the rest untouched."""

    def wrap(draw: Callable[[], None]) -> Callable[[], None]:
        @st.fragment(run_every=max(5, seconds))
        def part() -> None:
            present_session()
            speak(str(st.session_state.get("language", "")))  # once a run: asking the session for every word costs a fifth of it
            guarded(draw)

        return part

    return wrap


def guarded(draw: Callable[[], None]) -> None:
    """Draw; when the store is away or an action is refused say so in words instead of an error page."""
    try:
        draw()
    except StoreError as err:
        st.error(_("The store cannot be reached: {reason}").format(reason=plain(str(err))), icon=":material/cloud_off:")
        st.caption(_("Collection and alerting go on by themselves and catch up. This page tries again at its next refresh."))
    except WanglouError as err:
        st.error(plain(str(err)))


def done(action: Callable[[], object]) -> bool:
    """Do something that may be refused; whether it was done, with a message when it was not."""
    try:
        action()
    except WanglouError as err:
        st.error(plain(str(err)))
        return False
    return True


def attempt(action: Callable[[], T]) -> T | None:
    """Do something that may be refused; None and a message when it was."""
    try:
        return action()
    except WanglouError as err:
        st.error(plain(str(err)))
        return None


def badge(table: Mapping[str, Look], key: str) -> str:
    """A state as Markdown: shape, word and colour."""
    found = look(table, key)
    return f":{found.tint}-badge[{found.shape} {plain(_(found.word))}]"


def sentence(text: str) -> None:
    """The first line of a page: what it says, in one sentence with numbers."""
    st.markdown(f"#### {text}")


def heading(title: str, text: str) -> None:
    """A page's name, small, above its sentence."""
    st.caption(title)
    sentence(text)


def data_from(now: datetime, note: str = "") -> None:
    """When the data of a list is from."""
    here = desk()
    st.caption(_("data from {time}").format(time=clock(now, here.zone, now)) + (f" · {note}" if note else ""))


def when(time: datetime | None, now: datetime) -> str:
    """How long ago, with the site's clock beside it."""
    return f"{ago(time, now)} ({clock(time, desk().zone, now)})" if time else ""


def empty(text: str, step: str = "", page: str = "", label: str = "") -> None:
    """Nothing to show, why, and what to do next."""
    with st.container(border=True):
        st.markdown(f"**{text}**")
        if step:
            st.caption(step)
        if page:
            st.page_link(VIEWS / page, label=label or step)


def strip(items: Sequence[tuple[str, str]]) -> None:
    """Facts in a row: small label above its value (Markdown that the caller has made harmless)."""
    with st.container(horizontal=True, gap="medium"):
        for label, value in items:
            if value:
                st.markdown(f":gray[:small[{label}]]  \n{value}", width="content")


def rows(data: Sequence[Mapping[str, Any]], key: str, columns: Mapping[str, Any] | None = None, height: int | None = None) -> int | None:
    """A dense table; returns the index of the row that was clicked."""
    import pandas as pd

    shown = height or min(ROW_HEIGHT * (len(data) + 1) + 3, 640)
    event = st.dataframe(
        pd.DataFrame(list(data)),
        key=key,
        hide_index=True,
        column_config=dict(columns or {}),
        row_height=ROW_HEIGHT,
        height=shown,
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="",
    )
    chosen = event["selection"]["cells"]
    return int(chosen[0][0]) if chosen and int(chosen[0][0]) < len(data) else None


def table(data: Sequence[Mapping[str, Any]], columns: Mapping[str, Any] | None = None) -> None:
    """A dense table to read only."""
    import pandas as pd

    height = min(ROW_HEIGHT * (len(data) + 1) + 3, 640)
    st.dataframe(
        pd.DataFrame(list(data)),
        hide_index=True,
        column_config=dict(columns or {}),
        row_height=ROW_HEIGHT,
        height=height,
        placeholder="",
        lazy=len(data) > 1000,
    )


def go(page: str, **query: str) -> None:
    """Open another page with its query parameters."""
    st.switch_page(VIEWS / page, query_params=query)


def asked(name: str, default: str = "") -> str:
    """A query parameter of the page's address."""
    return st.query_params.get(name, default)


def remember(**values: str) -> None:
    """Keep the state of a page in its address, so that it can be pasted into a chat."""
    for name, value in values.items():
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]
