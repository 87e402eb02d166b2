"""How the network hangs together: links, machines, the address plan."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from console.api.callers import Caller, needs
from console.identity.roles import Right
from console.queries import finder, netmap
from inventory.networks import NETWORK, VLAN
from inventory.topology import finding, history, machines
from inventory.topology.history import Known

router = APIRouter(prefix="/network", tags=["network"])
Reader = Annotated[Caller, Depends(needs(Right.ESTATE_READ))]


@router.get("/links")
def list_links(
    caller: Reader,
    asset: Annotated[str, Query(description="only those that end at this asset", max_length=128)] = "",
    at: Annotated[AwareDatetime | None, Query(description="only those that were there at this time; left out: every link on record")] = None,
) -> dict[str, Any]:
    """Links with ends, sources, confidence, what speaks against them, and when they were there."""
    found = [known for known in netmap.read_links(caller.desk.store) if _fits(known, asset, at)]
    now = caller.desk.now()
    return {"total": len(found), "items": [{"id": known.id, "state": known.state(now), **history.body_of(known)} for known in found]}


@router.get("/machines")
def find_machines(
    caller: Reader,
    q: Annotated[str, Query(description="a MAC address in any notation, an IP address, a name, a switch, a port", max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> dict[str, Any]:
    """Machines with their switch port, addresses, and where they were before."""
    found = finding.search(finding.read_machines(caller.desk.store), caller.desk.estate.assets(), q)
    return {"total": len(found), "items": [machines.body_of(machine) for machine in found[:limit]]}


@router.get("/plan")
def get_plan(caller: Reader) -> dict[str, Any]:
    """Prefixes and VLANs of the address plan with their use, and addresses that two machines use."""
    store = caller.desk.store
    return {"networks": finder.read_bodies(store, NETWORK), "vlans": finder.read_bodies(store, VLAN), "clashes": finder.living_clashes(store)}


def _fits(known: Known, asset: str, at: datetime | None) -> bool:
    if asset and asset not in {end.asset for end in known.link.ends}:
        return False
    return at is None or known.was_there(at)
