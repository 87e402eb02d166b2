"""Parts of the page of records: the form of one record, its history, import and export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import streamlit as st

from compliance import attachments
from compliance.attachments import Attachment
from compliance.records.judge import Judged, Record, due_of, gap_of
from compliance.records.kind import RecordField, RecordKind
from compliance.records.shelf import may_write, remove, save, versions
from compliance.records.table import as_csv, cells, headings, read, shown, take_in, takes, template, workbook
from console import parts
from console.answer_parts import file_button
from console.desk import Desk
from console.i18n import _, language, marked, two
from console.identity.accounts import Account
from console.queries import records as queries
from console.text import plain
from console.words import Look, look
from core.errors import Refused
from inventory.imports import Problem

STATE: Final = {
    "gap": Look(marked("gap"), "▲", "red", "#C62828"),
    "late": Look(marked("overdue"), "▲", "orange", "#E65100"),
    "soon": Look(marked("due soon"), "◆", "yellow", "#B7791F"),
    "ok": Look(marked("in order"), "✓", "green", "#2E7D32"),
    "ended": Look(marked("no longer in force"), "–", "gray", "#616161"),
}
EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def is_zh() -> bool:
    """Whether tables are made in Chinese."""
    return language() == "zh_CN"


def wrong(kind: RecordKind, one: Judged) -> str:
    """What is late and what is missing, in words."""
    late = [two(f"{rule.zh}逾期", f"{rule.en} overdue") for rule in (due_of(kind, name) for name in one.late)]
    return ("；" if is_zh() else "; ").join([*(two(gap.zh, gap.en) for gap in (gap_of(kind, name) for name in one.gaps)), *late, *one.found])


def overview(kind: RecordKind, judged: Sequence[Judged]) -> int | None:
    """The records of a kind; returns the one that was clicked."""
    fields = [one for one in kind.fields if one.type != "note" and any(one.id in row.record.values for row in judged)][:6]
    return parts.rows(
        [
            {
                _("state"): look(STATE, one.state).text,
                **{two(field.zh, field.en): shown(field, one.record.values.get(field.id), zh=is_zh()) for field in fields[:1]},
                _("what is wrong"): wrong(kind, one),
                _("due next"): str(one.next_due or ""),
                **{two(field.zh, field.en): shown(field, one.record.values.get(field.id), zh=is_zh()) for field in fields[1:]},
            }
            for one in judged
        ],
        f"records-{kind.id}",
        {
            _("what is wrong"): st.column_config.TextColumn(width=280 if any(one.gaps or one.late for one in judged) else 100),
            _("due next"): st.column_config.TextColumn(width=96),
        },
    )


def edit(here: Desk, me: Account, kind: RecordKind, record: Record | None) -> None:
    """The form of a record."""
    name = queries.title(kind, record) if record else ""

    @st.dialog(_("Edit {name}").format(name=name) if record else _("New: {kind}").format(kind=two(kind.title.zh, kind.title.en)), width="large")
    def ask() -> None:
        with st.form("record", border=False):
            left, right = st.columns(2)
            values: dict[str, Any] = {}
            for number, field in enumerate(kind.fields):
                with st.container() if field.type == "note" else left if number % 2 == 0 else right:
                    values[field.id] = _widget(field, record.values.get(field.id) if record else None)
            present, fresh = _papers(kind, record)
            sent = st.form_submit_button(_("Save"), type="primary")
        if sent and parts.done(lambda: _save(here, me, kind, record, values, present, fresh)):
            st.rerun()

    ask()


def _papers(kind: RecordKind, record: Record | None) -> tuple[list[Attachment], list[tuple[str, bytes]]]:
    """The documents that stay, and those that are sent along."""
    if not kind.takes_files:
        return [], []
    has = {file.sha256: file for file in record.files} if record else {}
    stay = st.multiselect(_("Files that stay"), list(has), default=list(has), format_func=lambda digest: has[digest].name) if has else []
    files = st.file_uploader(
        _("Files: PDF, PNG, JPEG, Word, Excel or text, each at most {n} MiB").format(n=attachments.MOST_BYTES // 2**20),
        type=list(attachments.TYPES),
        accept_multiple_files=True,
        key="record-files",
        max_upload_size=attachments.MOST_BYTES // 2**20,
    )
    return [has[digest] for digest in stay], [(file.name, file.getvalue()) for file in files or []]


def _save(
    here: Desk, me: Account, kind: RecordKind, record: Record | None, values: Mapping[str, Any], stay: Sequence[Attachment], fresh: Sequence[tuple[str, bytes]]
) -> None:
    """Check every file before the first is kept, then save the record; nobody without the right leaves a file behind."""
    if not may_write(kind, me.roles):
        raise Refused(_("your roles do not allow this"))
    for name, content in fresh:
        attachments.check(name, content)
    kept = [attachments.keep(here.settings.data, name, content) for name, content in fresh]
    id, seen = (record.id, record.version) if record else ("", 0)  # noqa: A001
    save(here.store, kind, id, values, me.name, me.roles, here.now(), seen=seen, files=[*stay, *kept])


def _widget(field: RecordField, value: Any) -> Any:
    """The input of one field, as what it is."""
    label = two(field.zh, field.en) + (" *" if field.required else "")
    hint = takes(field, zh=is_zh()) if field.hint or field.type == "list" else None
    key = f"record-{field.id}"
    if field.type == "date":
        return st.date_input(label, date.fromisoformat(value) if value else None, key=key, help=hint, min_value=date(1990, 1, 1), max_value=date(2100, 1, 1))
    if field.type == "number":
        return st.number_input(label, value=float(value) if value is not None else None, key=key, help=hint)
    if field.type == "flag":
        options = {True: _("yes"), False: _("no")}
        return st.segmented_control(label, list(options), default=value, format_func=options.__getitem__, key=key)
    if field.choices:
        return _choice(field, value, label, key)
    if field.type == "note":
        return st.text_area(label, value or "", key=key, height=80, help=hint)
    text = "，".join(value) if isinstance(value, list) else value
    return st.text_input(label, text or "", key=key, help=hint)


def _choice(field: RecordField, value: Any, label: str, key: str) -> Any:
    """The input of a field with choices."""
    names = list(field.choices)
    word = {name: two(text.zh, text.en) for name, text in field.choices.items()}
    if field.type == "choices":
        return st.multiselect(label, names, default=value or [], format_func=word.__getitem__, placeholder=_("choose some"), key=key)
    return st.selectbox(label, names, index=names.index(value) if value in names else None, format_func=word.__getitem__, key=key, placeholder=_("choose"))


def one_record(here: Desk, me: Account, kind: RecordKind, one: Judged, *, may_write: bool) -> None:
    """A record with everything about it."""
    record = one.record
    st.markdown(f"##### {parts.badge(STATE, one.state)} {plain(queries.title(kind, record))}")
    if text := wrong(kind, one):
        st.markdown(plain(text))
    if may_write:
        with st.container(horizontal=True):
            if st.button(_("Edit"), icon=":material/edit:", key="record-edit"):
                edit(here, me, kind, record)
            if st.button(_("Remove"), icon=":material/delete:", key="record-remove"):
                take_out(here, me, kind, record)
    parts.table(
        [{_("field"): two(field.zh, field.en), _("value"): shown(field, record.values.get(field.id), zh=is_zh())} for field in kind.fields],
        {_("value"): st.column_config.TextColumn(width="large")},
    )
    for file in record.files:
        file_button(here, file.model_dump(), f"record-{record.id}")
    with st.expander(_("History: version {n}, by {who}").format(n=record.version, who=plain(record.who))):
        history(here, kind, record)


def history(here: Desk, kind: RecordKind, record: Record) -> None:
    """Every version as it stands in the evidence chain, and what each changed."""
    found = versions(here.store, kind.id, record.id)
    older: list[Mapping[str, Any]] = [*(body["values"] for body in found[1:]), {}]
    parts.table(
        [
            {
                _("version"): body["version"],
                _("time"): str(body["time"])[:19].replace("T", " "),
                _("who"): body["who"],
                _("changed"): _changes(kind, before, body["values"]) + _files(body) + (f" {_('removed')}: {body['why']}" if body.get("removed") else ""),
            }
            for body, before in zip(found, older, strict=True)
        ],
        {_("changed"): st.column_config.TextColumn(width="large")},
    )


def _changes(kind: RecordKind, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    told = [
        f"{two(field.zh, field.en)}: {shown(field, before.get(field.id), zh=is_zh()) or '–'} → {shown(field, after.get(field.id), zh=is_zh()) or '–'}"
        for field in kind.fields
        if before.get(field.id) != after.get(field.id)
    ]
    return "；".join(told)


def _files(body: Mapping[str, Any]) -> str:
    """The documents of a version with their digests."""
    return "".join(f" [{file['name']} sha256 {file['sha256'][:16]}…]" for file in body.get("files", ()))


def take_out(here: Desk, me: Account, kind: RecordKind, record: Record) -> None:
    """Ask once, with a reason."""

    @st.dialog(_("Remove {name}?").format(name=plain(queries.title(kind, record), 60)))
    def ask() -> None:
        st.markdown(_("Its history stays in the evidence chain."))
        why = st.text_input(_("Reason"))
        if st.button(_("Remove"), type="primary") and parts.done(lambda: remove(here.store, kind, record.id, why, me.name, me.roles, here.now())):
            st.rerun()

    ask()


def tables(here: Desk, me: Account, kind: RecordKind, judged: Sequence[Judged], *, may_write: bool) -> None:
    """Take the records along as a table, or bring them in."""
    found = [one.record for one in judged]
    with st.container(horizontal=True):
        st.download_button("Excel", lambda: workbook(kind, found, zh=is_zh()), f"{kind.id}.xlsx", EXCEL, icon=":material/download:", disabled=not found)
        st.download_button("CSV", lambda: as_csv(kind, found, zh=is_zh()), f"{kind.id}.csv", "text/csv", icon=":material/download:", disabled=not found)
        if may_write:
            st.download_button(_("Empty table"), lambda: template(kind, zh=is_zh()), f"{kind.id}-template.xlsx", EXCEL, icon=":material/table:")
            if st.button(_("Import a table"), icon=":material/upload:", key="record-import"):
                bring_in(here, me, kind, found)


def bring_in(here: Desk, me: Account, kind: RecordKind, present: Sequence[Record]) -> None:
    """Choose a table, see what it would change and what is wrong, then do it."""

    @st.dialog(_("Import a table"), width="large")
    def ask() -> None:
        st.caption(
            _("CSV (UTF-8 or GBK) or Excel, its first row as in the empty table. A row with an id changes that record. Nothing is changed before you confirm.")
        )
        file = st.file_uploader(_("Table"), type=["csv", "xlsx", "txt"], key="record-file", label_visibility="collapsed")
        if file is None:
            return
        data = file.getvalue()
        told = parts.attempt(lambda: read(kind, data, present))
        if told is None:
            return
        rows, problems = told
        counts = {what: sum(row.what == what for row in rows) for what in ("add", "change", "same")}
        st.markdown(_("**{add}** new, **{change}** changed, **{same}** as they are; **{problems}** problems").format(**counts, problems=len(problems)))
        _show_problems(problems)
        fresh = [row for row in rows if row.what != "same"]
        if fresh:
            parts.table(
                [
                    dict(zip(headings(kind, zh=is_zh()), cells(kind, Record(kind=kind.id, id=row.id, values=row.values), zh=is_zh()), strict=True))
                    for row in fresh[:100]
                ]
            )
        if fresh and st.button(_("Import {n} rows").format(n=len(fresh)), type="primary", key="record-take"):
            done = parts.attempt(lambda: take_in(here.store, kind, data, me.name, me.roles, here.now()))
            if done is not None:
                st.success(_("{n} records were added or changed.").format(n=done[0]))

    ask()


def _show_problems(problems: Sequence[Problem]) -> None:
    if problems:
        parts.table([{_("row"): one.row, _("column"): one.column, _("problem"): one.message} for one in problems[:200]])
