"""What is cut off from what: ways over which an asset is reached, and where it stands. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from inventory.asset import Asset, Ways

CUTTING: Final = ("reached_by", "runs_on", "powered_by", "depends_on")
COLLECT: Final = "collected_by"
Failed = Callable[[str], bool]


class Topology:
    """The graph of ways, free of cycles (each cycle is broken at the edge to its alphabetically first asset)."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self.assets: Mapping[str, Asset] = {asset.id: asset for asset in assets}
        self.ways: dict[str, dict[str, Ways]] = {asset.id: _written(asset) for asset in self.assets.values()}
        self.warnings: list[str] = []
        self._beside = self._cables()
        self._break_cycles()
        self.below: dict[str, list[str]] = {}
        for name, relations in self.ways.items():
            for target in dict.fromkeys(one for ways in relations.values() for one in ways.ids):
                self.below.setdefault(target, []).append(name)

    def beside(self, asset: str) -> list[str]:
        """What is cabled to an asset, as far as its ways and those of others tell."""
        return sorted(self._beside.get(asset, ()))

    def _cables(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for asset in self.assets.values():
            for other in (*asset.reached_by.ids, *asset.connected_to.ids):
                if other != asset.id:
                    found.setdefault(asset.id, set()).add(other)
                    found.setdefault(other, set()).add(asset.id)
        return found

    def unknown(self) -> list[tuple[str, str, str]]:
        """(asset, relation, target) of every way to an asset that is not declared."""
        return [
            (name, relation, target)
            for name, relations in self.ways.items()
            for relation, ways in relations.items()
            for target in ways.ids
            if target not in self.assets
        ]

    def _targets(self, name: str) -> list[str]:
        return [target for ways in self.ways.get(name, {}).values() for target in ways.ids]

    def _break_cycles(self) -> None:
        done: set[str] = set()
        for start in sorted(self.ways):
            while start not in done and (cycle := self._find_cycle(start, done)):
                first = min(cycle)
                before = cycle[cycle.index(first) - 1]
                self.ways[before] = {relation: _without(ways, first) for relation, ways in self.ways[before].items()}
                self.ways[before] = {relation: ways for relation, ways in self.ways[before].items() if ways.ids}
                self.warnings.append(f"a cycle of dependencies ({' > '.join([*cycle, cycle[0]])}) is broken at the edge {before} > {first}")

    def _find_cycle(self, start: str, done: set[str]) -> list[str] | None:
        path: list[str] = [start]
        stack: list[Iterator[str]] = [iter(self._targets(start))]
        on_path = {start}
        while stack:
            target = next(stack[-1], None)
            if target is None:
                stack.pop()
                left = path.pop()
                on_path.discard(left)
                done.add(left)
            elif target in on_path:
                done.difference_update(path)
                return path[path.index(target) :]
            elif target not in done and target in self.ways:
                path.append(target)
                on_path.add(target)
                stack.append(iter(self._targets(target)))
        return None

    def cut(self, asset: str, down: Failed, *, collected: bool = False, memo: dict[str, bool] | None = None) -> bool:
        """Whether all ways to ``asset`` lead over failed assets; ``down``: a reachability alert fires there."""
        known = {} if memo is None else memo
        relations = self.ways.get(asset, {})
        return any(self._severed(ways, down, known) for relation, ways in relations.items() if collected or relation != COLLECT)

    def failed(self, asset: str, down: Failed, memo: dict[str, bool]) -> bool:
        """Whether an asset is down itself or cut off."""
        if asset not in memo:
            memo[asset] = False
            memo[asset] = down(asset) or self.cut(asset, down, memo=memo)
        return memo[asset]

    def _severed(self, ways: Ways, down: Failed, memo: dict[str, bool]) -> bool:
        if ways.any:
            return all(self.failed(way, down, memo) for way in ways.any)
        return any(self.failed(way, down, memo) for way in ways.all)

    def via(self, asset: str, down: Failed, when: Callable[[str], float], *, collected: bool = False) -> str:
        """The nearest asset above with a firing reachability alert; at one distance the last to fail, then as written."""
        memo: dict[str, bool] = {}
        level, seen = [asset], {asset}
        while level:
            above = self._severing(level, down, memo, collected=collected)
            fresh = [one for one in dict.fromkeys(above) if one not in seen]
            seen.update(fresh)
            if firing := [one for one in fresh if down(one)]:
                latest = max(when(one) for one in firing)
                return next(one for one in firing if when(one) == latest)
            level, collected = fresh, False
        return ""

    def _severing(self, level: list[str], down: Failed, memo: dict[str, bool], *, collected: bool) -> Iterator[str]:
        for name in level:
            for relation, ways in self.ways.get(name, {}).items():
                if (collected or relation != COLLECT) and self._severed(ways, down, memo):
                    yield from (way for way in ways.ids if self.failed(way, down, memo))

    def dependants(self, asset: str) -> list[str]:
        """Every asset that may be cut off when ``asset`` fails, nearest first."""
        seen: dict[str, None] = {}
        queue = deque([asset])
        while queue:
            for name in self.below.get(queue.popleft(), ()):
                if name not in seen and name != asset:
                    seen[name] = None
                    queue.append(name)
        return list(seen)

    def locations(self, asset: str) -> list[str]:
        """The places an asset stands in, the nearest first."""
        return locations(self.assets, asset)

    def surroundings(self, asset: str) -> list[str]:
        """What cools an asset and where it stands, the nearest first."""
        found: dict[str, None] = {}
        queue = deque([asset])
        while queue:
            here = self.assets.get(queue.popleft())
            for name in (*(here.cooled_by.ids if here else ()), *([here.located_in] if here and here.located_in else [])):
                if name not in found and name != asset:
                    found[name] = None
                    queue.append(name)
        return list(found)


def locations(assets: Mapping[str, Asset], asset: str) -> list[str]:
    """The places an asset stands in, the nearest first."""
    found: list[str] = []
    here = assets.get(asset)
    while here is not None and here.located_in and here.located_in not in found:
        found.append(here.located_in)
        here = assets.get(here.located_in)
    return found


def _written(asset: Asset) -> dict[str, Ways]:
    return {relation: ways for relation in (*CUTTING, COLLECT) if (ways := getattr(asset, relation)).ids}


def _without(ways: Ways, target: str) -> Ways:
    return Ways(any=tuple(way for way in ways.any if way != target), all=tuple(way for way in ways.all if way != target))
