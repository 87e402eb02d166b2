"""What people decide about requirements: the list of what waits, the question with its evidence, last year's answers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

import streamlit as st

from compliance import attachments, questions
from compliance.answer_table import read, take_in, template
from compliance.answers import answers, counting, mark, place_of, save_answer, standing, versions
from compliance.framework import Item
from compliance.objects import ProtectionObject
from compliance.register import WHOLE
from compliance.rollup import Answer, Conformity
from console import parts
from console.compliance_parts import item_block
from console.desk import Desk
from console.i18n import _, language, two
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import conformity, times
from console.text import plain
from console.words import CONFORMITY, look
from store.base import Body

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_VERSIONS = 10


def worklist(here: Desk, me: Account, view: conformity.Overview, items: Sequence[Item], subject: ProtectionObject, bodies: list[Body]) -> None:
    """The requirements that wait for a person, one after the other."""
    now, given = here.now(), counting(answers(here.store), subject.id)
    states = {"none": _("not decided"), "ended": _("decision ended"), "soon": _("decision ends soon"), "valid": _("decision stands")}
    stands = {item.id: standing(given, item.id, now) for item in items}
    mine = [item for item in items if stands[item.id] != "none" or view.items[item.id].conformity == "unknown"]
    done = sum(stands[item.id] in ("valid", "soon") for item in mine)
    st.progress(done / len(mine) if mine else 1.0, text=_("{done} of {all} requirements that need a person are decided").format(done=done, all=len(mine)))
    chosen = st.pills(_("Decision"), list(states), selection_mode="multi", default=["none", "ended", "soon"], format_func=states.__getitem__, key="work-state")
    layers = list(dict.fromkeys(item.layer for item in mine))
    names = {layer.zh: two(layer.zh, layer.en) for layer in view.layers}
    layer = st.selectbox(_("Layer"), layers, index=None, format_func=lambda one: names.get(one, one), placeholder=_("all"), key="work-layer")
    asked = parts.asked("item")  # stays in the list when another officer decides about it meanwhile, so that what is sent is answered
    shown = [item for item in mine if item.id == asked or (stands[item.id] in (chosen or states) and layer in (None, item.layer))]
    exchange(here, me, items, subject, given)
    if not shown:
        parts.empty(_("Nothing waits for a decision."))
        return
    row = parts.rows(
        [_row(view, item, states[stands[item.id]], given, here) for item in shown],
        "work",
        {_("question"): st.column_config.TextColumn(width="large")},
        height=min(380, 36 * (len(shown) + 1)),
    )
    item = shown[row] if row is not None and row < len(shown) else next((one for one in shown if one.id == asked), shown[0])
    parts.remember(item=item.id, tab="work")
    st.divider()
    item_block(here, view, item.id, bodies)
    decide(here, me, item, subject)


def _row(view: conformity.Overview, item: Item, state: str, given: Sequence[Answer], here: Desk) -> dict[str, object]:
    text = questions.asked(item).text
    last = next((one for one in given if one.item == item.id), None)
    return {
        _("requirement"): item.id,
        _("question"): two(text.zh, text.en),
        _("result"): look(CONFORMITY, view.items[item.id].conformity).text,
        _("telemetry says"): look(CONFORMITY, view.items[item.id].proposed).text if view.items[item.id].proposed else "",
        _("state of the decision"): state,
        _("valid until"): last.expires.astimezone(here.zone).date().isoformat() if last else "",
        _("decision of"): last.who if last else "",
    }


def decide(here: Desk, me: Account, item: Item, subject: ProtectionObject) -> None:
    """The question, the form for those who may decide, and every decision that was made before."""
    asked = questions.asked(item)
    st.markdown(f"**{plain(two(asked.text.zh, asked.text.en))}**")
    st.caption(_("Evidence: {kinds}").format(kinds=plain(two(asked.evidence.zh, asked.evidence.en))) + (" · " + _("a file is needed") if asked.file else ""))
    if me.may(Right.COMPLIANCE_ANSWER):
        _form(here, me, item, subject)
    _history(here, item)


def _form(here: Desk, me: Account, item: Item, subject: ProtectionObject) -> None:
    asked, now = questions.asked(item), here.now()
    today = now.astimezone(here.zone).date()
    words = [word for word in Conformity if word is not Conformity.UNKNOWN]
    with st.form(f"answer-{item.id}", clear_on_submit=False):
        chosen = st.segmented_control(_("result"), words, format_func=lambda word: look(CONFORMITY, word).text)
        comment = st.text_area(_("What you saw, and where the evidence is"), height=80)
        left, middle, right = st.columns(3)
        day = left.date_input(_("date of the evidence"), value=today, max_value=today)
        until = middle.date_input(_("valid until"), value=today + timedelta(days=30 * asked.months))
        is_own = right.toggle(_("for this protection object alone"), value=True, disabled=subject.id == WHOLE)
        files = st.file_uploader(
            _("Files: PDF, PNG, JPEG, Word, Excel or text, each at most {n} MiB").format(n=attachments.MOST_BYTES // 2**20),
            type=list(attachments.TYPES),
            accept_multiple_files=True,
            max_upload_size=attachments.MOST_BYTES // 2**20,
        )
        is_sent = st.form_submit_button(_("Save the decision"), type="primary")
    if is_sent and not chosen:
        st.warning(_("Choose a result."))
    own = subject.id if is_own and subject.id != WHOLE else ""
    if is_sent and chosen:
        sent = [(file.name, file.getvalue()) for file in files or []]
        expires = datetime.combine(until, time(23, 59), here.zone)
        wanted = Answer(item=item.id, object=own, conformity=chosen, who=me.name, time=now, comment=comment, day=day.isoformat(), expires=expires)
        seen = st.session_state.get(f"seen-{item.id}", {}).get(own)
        if parts.done(lambda: _save(here, me, item, wanted, sent, seen)):
            parts.remember(item="")
            st.rerun()
    st.session_state[f"seen-{item.id}"] = {one: mark(here.store, place_of(item.id, subject=one)) for one in ("", subject.id)}


def _save(here: Desk, me: Account, item: Item, wanted: Answer, sent: Sequence[tuple[str, bytes]], seen: str | None) -> None:
    """Check every file before the first is kept, then save the decision."""
    for name, content in sent:
        attachments.check(name, content)
    kept = tuple(attachments.keep(here.settings.data, name, content) for name, content in sent)
    save_answer(here.store, replace(wanted, files=kept), me.roles, item, seen=seen)


def _history(here: Desk, item: Item) -> None:
    found = versions(here.store, item.id)
    if not found:
        return
    with st.expander(_("Decisions so far: {n}").format(n=len(found))):
        for body in found[:SHOWN_VERSIONS]:
            head = f"{parts.badge(CONFORMITY, body['conformity'])} {plain(body['who'])} · {times.clock(times.read(body['time']), here.zone, here.now())}"
            tail = " · ".join(text for text in (body.get("object", ""), _("until {day}").format(day=body["expires"][:10])) if text)
            st.markdown(f"{head} · {plain(tail)}")
            st.markdown(plain(body["comment"], 2000))
            for file in body.get("files", ()):
                file_button(here, file, str(body["time"]))


def file_button(here: Desk, file: Mapping[str, object], key: str) -> None:
    """One kept file, to take along."""
    digest = str(file["sha256"])
    content = parts.attempt(lambda: attachments.read(here.settings.data, digest))
    if content is not None:
        label = f"{file['name']} · {int(str(file['bytes'])) / 1024:,.0f} KiB · sha256 {digest[:16]}…"
        st.download_button(label, content, str(file["name"]), "application/octet-stream", icon=":material/attach_file:", key=f"{key}-{digest}")


def exchange(here: Desk, me: Account, items: Sequence[Item], subject: ProtectionObject, given: Sequence[Answer]) -> None:
    """The decisions as a workbook, to fill in elsewhere or to keep; and back."""
    with st.container(horizontal=True):
        st.download_button(
            _("Table of questions and decisions"),
            lambda: template(items, subject.grade.level, given, language(), here.zone),
            "decisions.xlsx",
            EXCEL,
            icon=":material/download:",
        )
        if me.may(Right.COMPLIANCE_ANSWER) and st.button(_("Import a table"), icon=":material/upload:", key="answers-import"):
            _bring_in(here, me, items, subject, given)


def _bring_in(here: Desk, me: Account, items: Sequence[Item], subject: ProtectionObject, given: Sequence[Answer]) -> None:
    @st.dialog(_("Import a table"), width="large")
    def ask() -> None:
        st.caption(_("The workbook from this page, or CSV with its first row. Rows without a result are left out. Nothing is changed before you confirm."))
        file = st.file_uploader(_("Table"), type=["csv", "xlsx", "txt"], key="answers-file", label_visibility="collapsed")
        if file is None:
            return
        known = {item.id: item for item in items}
        own = "" if subject.id == WHOLE else subject.id
        told = parts.attempt(lambda: read(file.getvalue(), known, own, me.name, here.now(), here.zone))
        if told is None:
            return
        rows, problems = told
        st.markdown(_("**{rows}** decisions, **{problems}** problems").format(rows=len(rows), problems=len(problems)))
        if problems:
            parts.table([{_("row"): one.row, _("column"): one.column, _("problem"): one.message} for one in problems[:200]])
        if rows and st.button(_("Import {n} rows").format(n=len(rows)), type="primary", key="answers-take"):
            done = parts.attempt(lambda: take_in(here.store, rows, known, given, me.roles))
            if done is not None:
                st.success(_("{n} decisions were saved.").format(n=done[0]))
                if done[1]:
                    parts.table([{_("row"): one.row, _("problem"): one.message} for one in done[1]])

    ask()
