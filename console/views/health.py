"""Whether the watching itself is well: parts of the service, the store, every collector."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import charts, health, times
from console.text import plain
from console.words import FIGURES, GOOD, SEVERITY, word

here, me = parts.enter(Right.HEALTH_READ)
BAD = SEVERITY["critical"]


@parts.live(10)
def body() -> None:
    """Parts, store, collectors, own figures."""
    moment = here.now()
    found = health.parts_of(here.store, moment)
    tried = health.polls(here.store, moment)
    failing = [poll for poll in tried if not poll.ok]
    ill = [part for part in found if not part.ok]
    if not found:
        parts.sentence(_("The service has not reported yet; is it running?"))
    else:
        text = _("{n} of {all} collectors fail, {ill} parts of the service are not well")
        parts.sentence(text.format(n=f"{len(failing):,}", all=f"{len(tried):,}", ill=len(ill)))
    parts.data_from(moment)
    for start in range(0, len(found), 4):
        for column, part in zip(st.columns(4), found[start : start + 4], strict=False):
            state = GOOD if part.ok else BAD
            with column, st.container(border=True):
                st.markdown(f":{state.tint}-badge[{state.shape} {plain(part.title)}]")
                st.caption(plain(part.message, 160))
    store = here.store.health()
    st.markdown(f"##### {_('Store')}")
    st.caption(plain(f"{store.backend}: {_('works') if store.ok else store.message}"))
    if store.figures:
        parts.strip([(word(FIGURES, name), charts.number(value, "B" if name.endswith("bytes") else "")) for name, value in store.figures.items()])
    st.markdown(f"##### {_('Collectors')}")
    if not tried:
        parts.empty(_("No collector has reported in the last hour."), page="assets.py", label=_("all assets"))
        return
    words = {True: GOOD.text, False: f"{BAD.shape} {_('fails')}"}
    parts.table(
        [
            {
                _("state"): words[poll.ok],
                _("asset"): here.estate.title(poll.asset),
                _("collector"): poll.collector,
                _("last attempt"): times.ago(poll.time, moment),
                _("took (s)"): round(poll.duration_s, 2) if poll.duration_s is not None else None,
            }
            for poll in tried
        ]
    )


body()
with st.expander(_("What Wanglou measures of itself")):
    figures = health.own_figures(here.store, here.now())
    if figures:
        parts.table([{_("metric"): charts.title_of(metric), _("of"): " ".join(labels.values()), _("value"): value} for metric, labels, value in figures])
    else:
        st.caption(_("nothing in this range"))
