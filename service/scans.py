"""What ``wanglou xccdf`` does: results of a scanner become a snapshot of the asset that they speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from compliance.exchange import xccdf
from compliance.exchange.xccdf import KIND, Run
from compliance.load import SHIPPED, load_checks
from core.errors import ConfigError, NotFound
from core.records import Snapshot, ended
from inventory.asset import Asset
from service.disk import read_bytes
from store.base import Store
from store.snapshots import latest_snapshot, save_snapshot

MAP: Final = Path(xccdf.__file__).with_name("ssg.yaml")
AHEAD: Final = timedelta(hours=1)
WHO: Final = "command line"


def bring(store: Store, assets: Sequence[Asset], site_folder: Path, path: Path, name: str, now: datetime) -> Iterator[str]:
    """Keep the results of a file; says for each target what was kept. Raises ConfigError or NotFound before anything is kept."""
    runs = list(xccdf.of_target(xccdf.read(read_bytes(path), str(path))))
    if name and len(runs) > 1:
        raise ConfigError(f"speaks of {len(runs)} targets; --asset is for a file about one", path=path)
    meant = [(run, _asset(assets, run, name, path)) for run in runs]
    if late := next((run for run in runs if run.ended > now + AHEAD), None):
        raise ConfigError(f"the result {late.id} ended at {late.ended.isoformat()}, which has not come yet", path=path)
    yield from _mapped(site_folder)
    known = load_checks((SHIPPED, site_folder / "checks")).checks.values()
    rules = {part.setting for check in known if check.reads == KIND for part in check.expect}
    for run, asset in meant:
        yield _keep(store, run, asset, rules, now)


def _asset(assets: Sequence[Asset], run: Run, name: str, path: Path) -> Asset:
    """The asset that is named, else the one whose id, name or address is a target's."""
    if name:
        found = [asset for asset in assets if asset.id == name]
    else:
        said = {text.casefold() for text in (*run.targets, *(text for text in run.addresses if not _is_local(text)))}
        found = [asset for asset in assets if said & {text.casefold() for text in (asset.id, asset.name, asset.address, *asset.addresses) if text}]
    if not found:
        raise NotFound(f"no asset is {name or ', '.join(run.targets) or 'the target of ' + str(path)}; name one with --asset")
    if len(found) > 1:
        raise ConfigError(f"{', '.join(asset.id for asset in found)} all claim to be {', '.join(run.targets)}; name one with --asset", path=path)
    return found[0]


def _is_local(text: str) -> bool:
    try:
        found = ip_address(text)
    except ValueError:
        return True
    return found.is_loopback or found.is_link_local or found.is_unspecified


def _mapped(site_folder: Path) -> Iterator[str]:
    """The first time: put the shipped map of rules beside the site's checks."""
    folder = site_folder / "checks"
    if any(check.reads == KIND for check in load_checks((folder,)).checks.values()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / MAP.name
    target.write_bytes(MAP.read_bytes())
    yield f"{target}: which rules speak for which items; the service reads it when it starts anew"


def _keep(store: Store, run: Run, asset: Asset, rules: set[str | None], now: datetime) -> str:
    newest = latest_snapshot(store, asset.id, KIND)
    if newest and newest.time >= run.ended:
        return f"{asset.id}: nothing kept, a result of {newest.time.isoformat()} is there already"
    save_snapshot(store, Snapshot(time=run.ended, asset=asset.id, kind=KIND, body=ended(run.text)))
    counts = Counter(run.results.values())
    body = {"testresult": run.id, "benchmark": run.benchmark, "profile": run.profile, "ended": run.ended.isoformat(), "results": dict(counts)}
    store.audit.append(time=now, actor=WHO, action="compliance.xccdf", object=asset.id, body=body)
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"{asset.id}: {len(run.results)} rules ({told}), {len(rules & set(run.results))} of them speak for items; judged within the hour"
