"""What pages show of plans and runs, and the buttons: each asks the service, waits a moment for its answer and says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from console import parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import runs, times
from console.queries.cases import Case
from console.run_forms import fields
from console.run_words import ACT, RISK, RUN, VERBS
from console.text import plain
from console.words import look, word
from playbooks.fold import Entry, TaskState, decision
from playbooks.form import Ask
from playbooks.journal import agreed_at
from playbooks.plan import Part, Plan, Stage
from playbooks.requests import LEAD, Who, is_for, new_run


def show_plan(here: Desk, plan: Plan) -> None:
    """Everything that a run would do, in the order in which it would."""
    lost = [hit for hit in plan.impact if hit.lost]
    weaker = [hit for hit in plan.impact if not hit.lost]
    parts.strip(
        [
            (_("risk"), parts.badge(RISK, plan.risk.value)),
            (_("targets"), plain(", ".join(here.estate.title(target) for target in plan.targets[:8])) or _("none")),
            (_("approval"), _approval(plan)),
            (
                _("hit while a target stops"),
                _("{n} assets break, {weak} lose redundancy").format(n=len(lost), weak=len(weaker)) if plan.changes else _("nothing"),
            ),
            (_("plan"), plain(plan.hash[:12])),
        ]
    )
    parts.table(
        [line for stage in plan.stages for line in _plan_lines(here, stage)],
        {_("commands"): st.column_config.TextColumn(width=420), _("the way back"): st.column_config.TextColumn(width=300)},
    )
    commands = [line for stage in plan.stages for part in stage.parts for line in _command_lines(here, stage, part)]
    if commands:
        with st.expander(_("Every command in full"), expanded=len(commands) <= 12):
            st.code("\n".join(commands[:2000]), language=None, wrap_lines=True)
    if plan.impact:
        with st.expander(_("Who is hit")):
            parts.table(
                [
                    {_("asset"): here.estate.title(hit.asset), _("through"): here.estate.title(hit.via), _("breaks"): "●" if hit.lost else ""}
                    for hit in plan.impact
                ]
            )


def _approval(plan: Plan) -> str:
    if plan.approval is None:
        return _("not needed")
    roles = runs.role_words(plan.approval.by)
    return plain(_("{n} × {roles}").format(n=plan.approval.count, roles=roles) + (f" ({runs.half(plan.why_approval)})" if plan.why_approval else ""))


def _plan_lines(here: Desk, stage: Stage) -> list[dict[str, Any]]:
    under = " · ".join(f"{asked}={'✓' if answer else '✗'}" for asked, answer in stage.under)
    line = {
        _("step"): stage.id,
        _("what"): word(VERBS, stage.verb),
        _("condition"): under,
        _("target"): "",
        _("wave"): "",
        _("commands"): _what(stage),
        _("the way back"): "",
    }
    if not stage.parts:
        return [line]
    waves = [number for number, size in enumerate(stage.waves, 1) for _unused in range(size)]
    return [
        {
            **line,
            _("what"): stage.step.run or "",
            _("target"): here.estate.title(part.target) if part.target else "",
            _("wave"): str(waves[number]),
            _("commands"): "\n".join(part.commands),
            _("the way back"): "\n".join(part.inverse) + (f" ({_('by itself after')} {stage.undo_after_s:.0f} s)" if stage.undo_after_s else ""),
        }
        for number, part in enumerate(stage.parts[:200])
    ]


def _command_lines(here: Desk, stage: Stage, part: Part) -> list[str]:
    place = f"{stage.id} @ {here.estate.title(part.target)}" if part.target else stage.id
    return [*(f"{place}  → {line}" for line in part.commands), *(f"{place}  ← {line}" for line in part.inverse)]


def _what(stage: Stage) -> str:
    step = stage.step
    asked = step.ask or step.assign
    if asked:
        return f"{runs.person_word(asked.to)}: {runs.words(asked.text)}"
    if step.approve:
        return f"{step.approve.count} × {runs.role_words(step.approve.by)}"
    if step.notify:
        return f"{runs.person_word(step.notify.to)}: {runs.words(step.notify.text)}"
    return step.if_ or (f"{step.wait:.0f} s" if step.wait else "")


def request_button(here: Desk, me: Account, plan: Plan, given: Mapping[str, Any], remedy: str = "") -> None:
    """Ask for a run of exactly this plan, for a remedy when one is named."""
    label = _("Ask for this run") if plan.approval else _("Run it now")
    emergency, is_emergency = "", False
    is_asked = st.button(label, type="primary", icon=":material/play_arrow:", key="run-begin")
    if plan.approval and Who(me.name, me.roles).has(LEAD):
        with st.popover(_("Emergency"), icon=":material/emergency:"):
            st.caption(_("Begins at once without approval. Everybody is alarmed, and somebody else reviews it afterwards."))
            emergency = st.text_input(_("Why it cannot wait"), key="run-emergency-why").strip()
            is_emergency = st.button(_("Run without approval"), disabled=not emergency, key="run-emergency")
    if is_asked or is_emergency:
        run = new_run(here.now())
        args = {"run": run, "playbook": plan.playbook, "inputs": dict(given), "hash": plan.hash, "incident": str(plan.incident.get("id", ""))}
        args |= {"remedy": remedy} if remedy else {}
        if do(here, me, "run.begin", {**args, **({"emergency": emergency} if is_emergency else {})}, run):
            st.session_state.pop("plan-of", None)
            parts.go("run.py", id=run)


def run_table(here: Desk, found: Sequence[runs.Row], key: str) -> None:
    """Runs as a list; a click opens one."""
    moment = here.now()
    row = parts.rows(
        [
            {
                _("state"): look(RUN, run.state).text,
                _("playbook"): run.title,
                _("risk"): look(RISK, run.risk).text,
                _("targets"): ", ".join(here.estate.title(target) for target in run.targets[:4]),
                _("asked for by"): run.requester,
                _("asked at"): times.clock(run.asked, here.zone, moment),
                _("put back at"): times.clock(run.undo_at, here.zone, moment),
                _("incident"): run.incident,
                _("why"): runs.half(run.reason),
            }
            for run in found
        ],
        key,
        {_("targets"): st.column_config.TextColumn(width=240), _("why"): st.column_config.TextColumn(width=320)},
    )
    if row is not None:
        parts.go("run.py", id=found[row].id)


def offers(here: Desk, me: Account, case: Case) -> None:
    """On an incident's page: playbooks that are meant for it, and runs that belong to it."""
    if not me.may(Right.PLAYBOOK_READ):
        return
    found = runs.offered(here.settings.site_folder, {member.rule for member in case.members})
    st.markdown(f"##### {_('Playbooks')}")
    with st.container(horizontal=True):
        for book in found[:6]:
            st.page_link(
                parts.VIEWS / "playbook.py", label=runs.words(book.title), query_params={"name": book.name, "incident": case.id}, icon=":material/menu_book:"
            )
        st.page_link(parts.VIEWS / "playbooks.py", label=_("all playbooks"), query_params={"incident": case.id}, icon=":material/arrow_forward:")
    for run in runs.list_runs(here.store, incident=case.id)[:5]:
        label = f"{look(RUN, run.state).text} {run.title} · {run.requester} · {times.clock(run.asked, here.zone, here.now())}"
        st.page_link(parts.VIEWS / "run.py", label=plain(label), query_params={"id": run.id}, icon=":material/play_circle:")


def step_table(here: Desk, found: runs.Whole) -> None:
    """Every step on every target, with what it said."""
    rows = runs.step_rows(found)
    row = parts.rows(
        [
            {
                _("state"): look(ACT, state).text,
                _("step"): stage.id,
                _("what"): stage.step.run or word(VERBS, stage.verb),
                _("target"): here.estate.title(target) if target else "",
                _("commands"): "\n".join(next((part.commands for part in stage.parts if part.target == target), ())) or _what(stage),
                _("said"): runs.half(act.error or act.said)[:300] if act else _task_text(found, stage),
            }
            for stage, target, act, state in rows[:500]
        ],
        "run-steps",
        {_("said"): st.column_config.TextColumn(width=360), _("commands"): st.column_config.TextColumn(width=280)},
    )
    if row is not None and (act := rows[row][2]) is not None and act.said:
        st.code(act.said, language=None, wrap_lines=True)


def change_table(here: Desk, found: runs.Whole) -> None:
    """What was really changed on devices: a change request is held against it."""
    changes = runs.changes_of(here.store, found.id)
    asked = agreed_at(found.plan, found.state)
    if not changes and (asked is None or found.plan.changes):
        return
    st.markdown(f"##### {_('Configuration changes seen')}")
    if not changes:
        st.caption(_("No change of a configuration was seen that belongs to this request."))
        return
    moment = here.now()
    parts.table(
        [
            {
                _("device"): here.estate.title(str(change.get("asset", ""))),
                _("made at"): times.clock(times.read(change.get("made")), here.zone, moment),
                _("changed by"): str(change.get("user") or ""),
                _("lines"): f"+{change.get('added', 0)} -{change.get('removed', 0)}",
                _("difference"): str(change.get("difference", ""))[:300],
            }
            for change in changes
        ]
    )


def told(entry: Entry) -> str:
    """What a line of the journal says beside who, what and where."""
    body = entry.body
    if body.get("to"):
        return runs.person_word(str(body["to"]))
    if text := body.get("error") or body.get("reason"):
        return runs.half(str(text))
    status = str(body.get("status") or body.get("outcome") or "")
    return look({**ACT, **RUN}, status).text if status else ""


def _task_text(found: runs.Whole, stage: Stage) -> str:
    task = found.state.tasks.get(stage.id)
    if task is None:
        return ""
    if task.no:
        return f"{_('said no')}: {task.no} {task.reason}"
    return (f"{task.by} " if task.by else "") + ", ".join(f"{key}: {value}" for key, value in task.values.items())


def buttons(here: Desk, me: Account, found: runs.Whole) -> None:
    """What this person may do to the run now."""
    for name in [name for name, task in found.state.tasks.items() if not task.done]:
        with st.container(border=True):
            task_panel(here, me, found, name)
    who = Who(me.name, me.roles)
    state = found.state
    if me.may(Right.PLAYBOOK_RUN) and not state.outcome and not state.failing and (state.requester == me.name or who.has(LEAD)):
        with st.popover(_("Cancel"), icon=":material/stop:"):
            reason = st.text_input(_("Reason"), key="run-cancel-why")
            if st.button(_("Cancel and put back"), key="run-cancel") and do(here, me, "run.cancel", {"reason": reason}, found.id):
                st.rerun()
    undoable = {(stage.id, part.target) for stage in found.plan.stages for part in stage.parts if part.inverse}
    can_go_back = any(key in undoable and act.effect != "no" and act.undo in ("", "due", "failed") for key, act in state.acts.items())
    may_go_back = me.may(Right.PLAYBOOK_RUN) and bool(state.outcome) and can_go_back
    if may_go_back and st.button(_("Put back now"), icon=":material/undo:", key="run-back") and do(here, me, "run.take_back", {}, found.id):
        st.rerun()


def task_panel(here: Desk, me: Account, found: runs.Whole, name: str) -> None:
    """One task: what it asks, and its buttons for whom it is for."""
    task = found.state.tasks.get(name)
    if task is None:
        return
    who, moment = Who(me.name, me.roles), here.now()
    late = task.due is not None and task.due < moment
    st.markdown(f"**{word(VERBS, task.kind)}** {plain(runs.words(found.playbook.title))} · {plain(name)} · {_('for whom')}: {plain(runs.person_word(task.to))}")
    st.caption(
        plain(f"{_('due')} {times.clock(task.due, here.zone, moment)} ({times.ago(task.due, moment)})")
        + (f" :red-badge[{_('overdue')}]" if late and not task.done else "")
    )
    if task.done:
        st.caption(plain(f"{_('done by')} {task.by}"))
    elif not me.may(Right.TASK_DO):
        st.caption(_("Your roles allow looking, not acting."))
    elif task.kind == "approve":
        _approve(here, me, found, name, task)
    elif not is_for(task.to, who) and not who.has(LEAD):
        st.caption(_("This task is for somebody else."))
    elif task.kind == "decide":
        _decide(here, me, found, name)
    elif task.kind == "review":
        _review(here, me, found)
    else:
        _answer(here, me, found, name)


def _approve(here: Desk, me: Account, found: runs.Whole, name: str, task: TaskState) -> None:
    gate = found.plan.stage(name).step.approve
    if gate and gate.text:
        st.markdown(plain(runs.words(gate.text)))
    if task.yes:
        st.caption(plain(f"{_('approved')}: {', '.join(task.yes)}"))
    if me.name == found.state.requester:
        st.caption(_("Who asked for a run does not approve it: somebody else has to."))
        return
    reason = st.text_input(_("Reason"), key=f"why-{name}", placeholder=_("needed for no"))
    with st.container(horizontal=True):
        is_yes = st.button(_("Approve plan {hash}").format(hash=found.plan.hash[:12]), type="primary", icon=":material/check:", key=f"yes-{name}")
        is_no = st.button(_("No"), icon=":material/close:", disabled=not reason.strip(), key=f"no-{name}")
    args = {"step": name, "hash": found.plan.hash}
    if is_yes and do(here, me, "run.approve", args, found.id):
        st.rerun()
    if is_no and do(here, me, "run.reject", {**args, "reason": reason.strip()}, found.id):
        st.rerun()


def _review(here: Desk, me: Account, found: runs.Whole) -> None:
    st.markdown(plain(_("{who} ran this without approval: {why}").format(who=found.state.requester, why=found.state.emergency)))
    text = st.text_area(_("What the review found"), key="review-text")
    is_sent = st.button(_("Close the review"), type="primary", disabled=not text.strip(), key="review-do")
    if is_sent and do(here, me, "run.review", {"reason": text.strip()}, found.id):
        st.rerun()


def _decide(here: Desk, me: Account, found: runs.Whole, name: str) -> None:
    step, target = next((key for key in found.state.acts if decision(*key) == name), ("", ""))
    act = found.state.acts[step, target]
    part = next(part for part in found.plan.stage(step).parts if part.target == target)
    st.markdown(_("It was cut off while it was doing this; look at the target and say what became of it. It is never done twice by itself."))
    st.code("\n".join(part.commands), language=None)
    st.caption(plain(runs.half(act.error)))
    reason = st.text_input(_("What you saw"), key=f"seen-{name}")
    with st.container(horizontal=True):
        is_done = st.button(_("It was done"), disabled=not reason.strip(), key=f"decide-yes-{name}")
        is_not = st.button(_("It was not done"), disabled=not reason.strip(), key=f"decide-no-{name}")
    args = {"step": step, "target": target, "done": is_done, "reason": reason.strip()}
    if (is_done or is_not) and do(here, me, "run.decide", args, found.id):
        st.rerun()


def _answer(here: Desk, me: Account, found: runs.Whole, name: str) -> None:
    step = found.plan.stage(name).step
    form: Ask | None = step.ask or step.assign
    if form is None:
        return
    st.markdown(plain(runs.words(form.text)))
    with st.form(f"task-{name}", border=False):
        given = fields(here, form.form, f"answer-{name}")
        note = "" if "note" in form.form else st.text_input(_("Comment"), key=f"note-{name}")
        is_sent = st.form_submit_button(_("Send") if form.form else _("It is done"), type="primary")
    if is_sent and do(here, me, "run.answer", {"step": name, "values": {**given, **({"note": note} if note else {})}}, found.id):
        st.rerun()
    with st.popover(_("Hand over"), icon=":material/person_add:"):
        people = sorted(account.name for account in here.identity.accounts.all() if not account.disabled and account.name != me.name)
        person = st.selectbox(_("To"), people, key=f"hand-{name}")
        if st.button(_("Hand over"), key=f"hand-do-{name}") and do(here, me, "run.hand", {"step": name, "to": person}, found.id):
            st.rerun()
