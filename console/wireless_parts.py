"""The part of a wireless controller's page: access points with their radios, networks, and what was told of strangers and refused clients."""

from __future__ import annotations

from typing import Any

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _
from console.queries import times, wireless
from console.words import ASSET, look
from inventory.asset import Asset


def air(here: Desk, asset: Asset) -> None:
    """Everything of wireless that the asset tells."""

    @parts.live(30)
    def draw() -> None:
        moment = here.now()
        found = wireless.read_air(here.store, asset.id, moment)
        if not found.points and found.clients is None:
            parts.empty(_("Nothing of wireless was told lately."), _("Access points, clients and channels are read from the controller by SNMP."))
            return
        clients = "?" if found.clients is None else f"{found.clients:,.0f}"
        parts.sentence(
            _("{n} access points, {down} of them down, {clients} clients").format(n=len(found.points), down=found.down, clients=clients)
            + (" · " + _("{n} foreign access points in sight").format(n=f"{found.rogues:,.0f}") if found.rogues else "")
        )
        parts.data_from(moment)
        if found.points:
            parts.table([_point_row(point) for point in found.points], _columns())
        if found.networks:
            st.markdown(f"##### {_('Clients by network')}")
            parts.table([{"SSID": name, _("clients"): count} for name, count in sorted(found.networks.items(), key=lambda one: -one[1])])
        _told(here, asset)

    draw()


def _point_row(point: wireless.AccessPoint) -> dict[str, Any]:
    radios = sorted(point.radios.values(), key=lambda radio: radio.name)
    return {
        _("state"): _("down") if point.is_up is False else look(ASSET, point.state).text,
        _("access point"): point.name,
        _("clients"): point.clients,
        _("fullest channel"): point.load,
        _("channels"): " · ".join(_radio_text(radio) for radio in radios),
        _("failed joins a second"): point.failed,
    }


def _radio_text(radio: wireless.Radio) -> str:
    """``1: channel 36, 41 %, noise -95 dBm``, as far as it is known."""
    said = [
        _("channel {n}").format(n=f"{radio.channel:.0f}") if radio.channel is not None else "",
        f"{radio.load:.0f} %" if radio.load is not None else "",
        _("interference {n} %").format(n=f"{radio.interference:.0f}") if radio.interference is not None else "",
        _("noise {n} dBm").format(n=f"{radio.noise:.0f}") if radio.noise is not None else "",
    ]
    return f"{radio.name}: {', '.join(filter(None, said)) or '?'}"


def _columns() -> dict[str, object]:
    return {
        _("fullest channel"): st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100, width=110),
        _("clients"): st.column_config.NumberColumn(format="%d", width=70),
        _("failed joins a second"): st.column_config.NumberColumn(format="%.2f", width=110),
        _("channels"): st.column_config.TextColumn(width="large"),
    }


def _told(here: Desk, asset: Asset) -> None:
    found = wireless.read_events(here.store, asset.id, here.now())
    st.markdown(f"##### {_('Told within a day: foreign access points, access points down, refused clients')}")
    if not found:
        st.caption(_("Nothing of the kind. Traps and log lines of the controller tell it."))
        return
    parts.table(
        [
            {
                _("time"): times.clock(event.time, here.zone, here.now()),
                _("kind"): event.kind,
                "MAC": str(event.fields.get("source.mac") or ""),
                _("access point"): str(event.fields.get("wireless.access_point") or ""),
                _("message"): event.message,
            }
            for event in found
        ]
    )
