"""Where the play happens: the site's files, the store of an installation, and the year over it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from core.settings import read_settings
from simulator.authority import open_authority
from simulator.estate import Estate
from simulator.objects import write_objects
from simulator.places import Places
from simulator.shell import shown_key
from simulator.site import write_site
from simulator.year.play import Player
from simulator.year.told import load_year
from store.open import open_for


def begin(data: Path, estate: Estate, net: int, now: datetime) -> str:
    """Write the site's files and play the year; returns what was done. Raises WanglouError, StoreLocked while the service runs."""
    settings = read_settings(None, {**os.environ, "WANGLOU_DATA": str(data)})
    site, folder = settings.site_folder, settings.site_folder.resolve() / "simulator"
    places = Places(estate, net=net)
    write_site(site, places, open_authority(folder).path, shown_key(folder))
    write_objects(site, estate, now.date())
    store = open_for(settings, "service")
    try:
        done = Player(settings, store, load_year(), estate, now).play()
    finally:
        store.close()
    return f"{done} deeds of the past year were played back" if done else "records are kept here already: nothing was played back"
