"""Whether watched services run: asked from systemd where it is, else found among the processes or by a pid file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from collectors.servers.machine import Machine


class Service(BaseModel):
    """A watched service; without systemd it is up when a ``process`` of this name runs or the ``pidfile`` names a living one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    process: str = ""
    pidfile: str = ""


@dataclass(frozen=True, slots=True)
class Up:
    """One service and whether it runs."""

    name: str
    up: bool


def named(services: Iterable[str | Service]) -> list[Service]:
    """Plain names as services."""
    return [Service(name=service) if isinstance(service, str) else service for service in services]


def local_services(machine: Machine, services: Iterable[str | Service]) -> list[Up]:
    """The state of each on the machine that we run on."""
    watched = named(services)
    if not watched:
        return []
    by_systemd = systemd_states(machine) if Path("/run/systemd/system").exists() else {}
    running = _process_names()
    return [Up(service.name, _is_up(service, by_systemd, running)) for service in watched]


def remote_services(machine: Machine, services: Iterable[str | Service]) -> list[Up]:
    """The state of each on a machine read through commands."""
    watched = named(services)
    if not watched:
        return []
    by_systemd, running = systemd_states(machine), process_names(machine)
    return [Up(service.name, _is_remote_up(machine, service, by_systemd, running)) for service in watched]


def _is_remote_up(machine: Machine, service: Service, by_systemd: dict[str, str], running: set[str]) -> bool:
    if service.pidfile:
        pid = (machine.read(service.pidfile) or "").strip()
        return pid.isdecimal() and machine.read(f"/proc/{pid}/stat") is not None
    if not service.process and (state := by_systemd.get(service.name)):
        return state == "active"
    return (service.process or service.name) in running


def process_names(machine: Machine) -> set[str]:
    """The names of running programs, from their command lines (the kernel's own name is cut at 15 characters)."""
    listing = machine.run("ps", "-eo", "args=") or ""
    return {line.split(None, 1)[0].rsplit("/", 1)[-1].rstrip(":") for line in listing.splitlines() if line.strip()}


def _is_up(service: Service, by_systemd: dict[str, str], running: set[str]) -> bool:
    if service.pidfile:
        return _is_alive(service.pidfile)
    if not service.process and (state := by_systemd.get(service.name)):
        return state == "active"
    return (service.process or service.name) in running


def systemd_states(machine: Machine) -> dict[str, str]:
    """Unit name without ".service" -> active, inactive, failed ..."""
    text = machine.run("systemctl", "list-units", "--type=service", "--all", "--no-legend", "--no-pager", "--plain") or ""
    rows = (line.split(None, 4) for line in text.splitlines())
    return {row[0].removesuffix(".service"): row[2] for row in rows if len(row) >= 4}


def _process_names() -> set[str]:
    names: set[str] = set()
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        names.add(process.info["name"] or "")
        if process.info["cmdline"]:
            # the kernel cuts its name at 15 characters, and some daemons write "name: what it does"
            names.add(Path(process.info["cmdline"][0].split(" ", 1)[0]).name.rstrip(":"))
    return names


def _is_alive(pidfile: str) -> bool:
    try:
        pid = int(Path(pidfile).read_text(encoding="ascii").strip())
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.Error):
        return False


def service_table(machine: Machine) -> str | None:
    """One service a line: name, enabled or not, running or not (systemd), or from the init scripts; see docs/collectors.md."""
    files = machine.run("systemctl", "list-unit-files", "--type=service", "--no-legend", "--no-pager", "--plain")
    if files:
        states = systemd_states(machine)
        rows = [(words[0].removesuffix(".service"), words[1]) for words in map(str.split, files.splitlines()) if len(words) >= 2]
        return "".join(f"{name}\t{enabled}\t{_word(states.get(name, 'inactive'))}\n" for name, enabled in sorted(rows))
    scripts = [path.rsplit("/", 1)[-1] for path in machine.files("/etc/init.d/*")]
    started = {path.rsplit("/", 1)[-1][3:] for path in machine.files("/etc/rc[2345S].d/S*")}
    return "".join(f"{name}\t{'enabled' if name in started else 'disabled'}\tunknown\n" for name in scripts) or None


def _word(state: str) -> str:
    return {"active": "running", "activating": "running", "reloading": "running"}.get(state, "stopped")
