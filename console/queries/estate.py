"""The assets as all pages see them: read again only when something changed, so that ten thousand of them stay cheap."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from compliance.run import ESTATE, OBJECT_ASSET, ORGANISATION
from console.i18n import _
from core.names import CHANGE
from inventory.asset import Asset
from inventory.book import Book, Change
from inventory.graph import Graph, build_graph
from store.base import Store

TRUST_S = 3.0
NEWEST = 50


class Estate:
    """A shared, read-only view of the book of assets, at most ``TRUST_S`` seconds behind. Thread-safe.

    ``object_names`` says how the protection objects are called (id -> name).
    """

    def __init__(self, store: Store, object_names: Callable[[], Mapping[str, str]] = dict) -> None:
        self._object_names = object_names
        self._names: Mapping[str, str] = {}
        self._named_at = -TRUST_S
        self._store = store
        self._lock = threading.Lock()
        self._assets: Mapping[str, Asset] = {}
        self._graph: Graph | None = None
        self._changes: list[Change] | None = None
        self._version, self._looked = "never", -TRUST_S

    def assets(self) -> Mapping[str, Asset]:
        """Id -> asset."""
        with self._lock:
            self._refresh()
            return self._assets

    def graph(self) -> Graph:
        """The relations of all assets."""
        with self._lock:
            self._refresh()
            if self._graph is None:
                self._graph = build_graph(self._assets.values())
            return self._graph

    def title(self, asset: str) -> str:
        """The name that people know an asset by."""
        found = self.assets().get(asset)
        return found.title if found else self._named(asset)

    def _named(self, asset: str) -> str:
        """What no collector speaks for, in words."""
        if asset.startswith(OBJECT_ASSET):
            name = asset.removeprefix(OBJECT_ASSET)
            return _("protection object {name}").format(name=self._objects().get(name, name))
        return {ESTATE: _("whole estate"), ORGANISATION: _("organisation")}.get(asset, asset)

    def _objects(self) -> Mapping[str, str]:
        """Names of the protection objects by id, at most ``TRUST_S`` seconds behind."""
        with self._lock:
            if time.monotonic() - self._named_at >= TRUST_S:
                self._names, self._named_at = self._object_names(), time.monotonic()
            return self._names

    def changes(self) -> list[Change]:
        """The newest changes of all assets."""
        with self._lock:
            self._refresh()
            if self._changes is None:
                self._changes = Book(self._store).changes(limit=NEWEST)
            return self._changes

    def forget(self) -> None:
        """Look again at the next question: this process has just written."""
        with self._lock:
            self._looked = -TRUST_S

    def _refresh(self) -> None:
        if time.monotonic() - self._looked < TRUST_S:
            return
        newest = self._store.documents.find(CHANGE, sort="-time", limit=1).items
        version = newest[0].id if newest else ""
        if version != self._version:
            self._assets = {asset.id: asset for asset in Book(self._store).all()}
            self._graph, self._changes, self._version = None, None, version
        self._looked = time.monotonic()
