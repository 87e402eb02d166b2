"""One inspection round on a page: its items, the form of one item, the signature, the document."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

import streamlit as st

from compliance import attachments
from compliance.reports.content import Words
from compliance.reports.write import TYPES, rendered
from compliance.rounds import report, walk
from compliance.rounds.shelf import last_signed, rounds
from console import parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, marked, report_language, two
from console.identity.accounts import Account
from console.identity.roles import Right
from console.text import plain
from console.words import Look
from store.base import Document

ITEM: Final = {
    "ok": Look(marked("in order"), "✓", "green", "#2E7D32"),
    "deviates": Look(marked("not in order"), "▲", "red", "#C62828"),
    "na": Look(marked("does not apply"), "–", "gray", "#616161"),
    "open": Look(marked("to be looked at"), "◆", "yellow", "#B7791F"),
}
CHANGE: Final = {
    "first": marked("first time"),
    "new": marked("new deviation"),
    "still": marked("still there"),
    "mended": marked("mended"),
    "same": marked("no change"),
}
FORMS: Final = {"docx": "Word", "pdf": "PDF"}


def words(here: Desk) -> Words:
    """The words of lines that documents and pages share."""
    return Words(report_language(), here.zone)


def one_round(here: Desk, me: Account, document: Document) -> None:
    """Everything about one round."""
    body, moment = document.body, here.now()
    before = last_signed(rounds(here.store, body["template"]), body)
    parts.heading(plain(two(body["title"]["zh"], body["title"]["en"])), plain(report.result(body, words(here))))
    signed = f"{plain(body['signer'])} {parts.when(datetime.fromisoformat(body['signed']), moment)}" if body["state"] == "signed" else _("not signed yet")
    if second := body.get("second"):
        signed = _("signed by {first}, second signature by {second}").format(first=signed, second=plain(second["who"]))
    compared = parts.when(datetime.fromisoformat(before.body["begun"]), moment) if before else _("no round was signed before")
    begun = f"{plain(body['by'])} {parts.when(datetime.fromisoformat(body['begun']), moment)}"
    parts.strip([(_("begun"), begun), (_("signed"), signed), (_("compared with"), compared)])
    if body["state"] == "signed" and not walk.is_whole(body):
        st.error(_("This round was changed after it was signed: it does not match its digest."))
    chosen = items(here, document.id, body, before.body if before else None)
    if body["state"] == "open" and me.may(Right.INCIDENT_ACT):
        left, right = st.columns([3, 2])
        with left:
            item_form(here, me, document.id, chosen)
        with right:
            sign_form(here, me, document.id, body)
    elif body.get("remark"):
        st.markdown(f"**{_('Remark')}** {plain(body['remark'])}")
    photos(here, body)
    if body["state"] == "signed" and not body.get("second") and me.may(Right.INCIDENT_ACT) and me.name != body["signer"]:
        second_form(here, me, document.id, body)
    take_along(here, document.id, body, before.body if before else None)


def items(here: Desk, name: str, body: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """The table of items; returns the one that was clicked, else the first that nobody has looked at."""
    spoken = words(here)
    wide = st.column_config.TextColumn(width="large")
    row = parts.rows(
        [
            {
                _("item"): two(item["zh"], item["en"]),
                _("state"): ITEM[walk.state_of(item)].text,
                _("telemetry"): report.read_text(item, here.estate.title, spoken),
                _("seen by a person"): report.said_text(item, spoken),
                _("since the last round"): _(CHANGE[become]) if (become := walk.change(item, before)) in CHANGE else "",
            }
            for item in body["items"]
        ],
        f"round-{name}",
        {_("telemetry"): wide},
    )
    waiting = next((item for item in body["items"] if walk.state_of(item) == "open"), body["items"][0])
    found: dict[str, Any] = body["items"][row] if row is not None else waiting
    return found


def item_form(here: Desk, me: Account, name: str, item: dict[str, Any]) -> None:
    """What a person saw of one item."""
    key = f"{name}-{item['id']}"
    with st.form(f"item-{key}"):
        st.markdown(f"**{plain(two(item['zh'], item['en']))}**")
        sayings = ("ok", "na") if item["form"] == "number" else walk.SAYINGS
        label = {"ok": _("measured")} if item["form"] == "number" else {}
        told = st.segmented_control(
            _("What you see"), list(sayings), default="ok", format_func=lambda word: label.get(word) or ITEM[word].text, key=f"state-{key}", required=True
        )
        value = None
        if item["form"] == "number":
            value = st.number_input(_("Value ({unit})").format(unit=plain(item["unit"]) or "1"), value=None, key=f"value-{key}")
        text = st.text_input(_("Remark"), max_chars=walk.LONGEST, key=f"text-{key}")
        st.caption(_("Click a line above to choose another item. A deviation needs a remark."))
        files = st.file_uploader(_("Photos (JPEG or PNG)"), type=["jpg", "jpeg", "png"], accept_multiple_files=True, key=f"photos-{key}")
        sent = st.form_submit_button(_("Save the answer"), type="primary")
    if not sent:
        return
    kept = parts.attempt(lambda: [attachments.keep(here.settings.data, file.name, file.getvalue(), photo=True).model_dump() for file in files or []])
    if kept is None:
        return
    said = {"item": item["id"], "state": told, "value": value, "text": text}
    if do(here, me, "round.answer", said | ({"photos": kept} if kept else {}), name):
        st.rerun()


def photos(here: Desk, body: dict[str, Any]) -> None:
    """The pictures that belong to answers, each read by its digest."""
    found = [(item, photo) for item in body["items"] for photo in (item["answer"] or {}).get("photos", ())]
    if not found:
        return
    with st.expander(_("Photos") + f" ({len(found)})", icon=":material/photo_camera:"):
        for column, (item, photo) in zip(st.columns(3) * len(found), found, strict=False):
            content = parts.attempt(lambda photo=photo: attachments.read(here.settings.data, str(photo["sha256"])))  # type: ignore[misc]
            if content:
                column.image(content, caption=plain(f"{two(item['zh'], item['en'])} · {photo['name']}", 120))


def sign_form(here: Desk, me: Account, name: str, body: dict[str, Any]) -> None:
    """The signature: the password again."""
    left = walk.counts(body)["open"]
    with st.form(f"sign-{name}"):
        st.markdown(f"**{_('Signature')}**")
        st.caption(
            _("{n} items are still to be looked at").format(n=left) if left else _("Your password again signs what stands above; deviations become incidents.")
        )
        remark = st.text_input(_("Remark on the round"), max_chars=walk.LONGEST, key=f"remark-{name}")
        password = st.text_input(_("Password"), type="password", key=f"password-{name}", autocomplete="off")
        code = code_field(me, f"code-{name}")
        sent = st.form_submit_button(_("Sign"), type="primary", disabled=bool(left), icon=":material/draw:")
    if not sent or not parts.done(lambda: here.identity.confirm(me.name, password, parts.present_session().address, here.now(), code)):
        return
    if do(here, me, "round.sign", {"digest": walk.digest(body), "remark": remark}, name):
        st.rerun()


def code_field(me: Account, key: str) -> str:
    """The code of the second factor, for whoever has one."""
    return st.text_input(_("Code of the second factor"), key=key, autocomplete="one-time-code") if me.has_second else ""


def second_form(here: Desk, me: Account, name: str, body: dict[str, Any]) -> None:
    """The signature of a second person."""
    with st.form(f"second-{name}"):
        st.markdown(f"**{_('Second signature')}**")
        st.caption(_("A second person who did not walk the round signs with their own password."))
        password = st.text_input(_("Password"), type="password", key=f"second-password-{name}", autocomplete="off")
        code = code_field(me, f"second-code-{name}")
        sent = st.form_submit_button(_("Sign as the second person"), icon=":material/draw:")
    if not sent or not parts.done(lambda: here.identity.confirm(me.name, password, parts.present_session().address, here.now(), code)):
        return
    if do(here, me, "round.countersign", {"digest": body["digest"]}, name):
        st.rerun()


def take_along(here: Desk, name: str, body: dict[str, Any], before: dict[str, Any] | None) -> None:
    """The round as Word or PDF."""
    with st.container(horizontal=True):
        for form, label in FORMS.items():
            if st.button(label, key=f"round-{form}", icon=":material/description:"):
                kept = partial(attachments.read, here.settings.data)
                made = report.content(name, body, before, here.estate.title, report_language(), here.zone, here.now(), kept)
                if content := parts.attempt(lambda made=made, form=form: rendered(made, form, here.settings.site_folder)):  # type: ignore[misc]
                    file = f"wanglou-{name}.{form}"
                    st.download_button(
                        _("Download {name} ({size} kB)").format(name=file, size=f"{len(content) / 1000:,.0f}"), content, file, TYPES[form], type="primary"
                    )
