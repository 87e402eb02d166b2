"""Each Apache Tomcat on a Linux server: where it is, and what its files say, as tables. docs/collectors.md says the form.

Found by running processes and in the usual folders. Users of the server write some of these files and command lines: a path is read only when it is
plain, XML without entities, and nothing but the words of the tables comes out. One that may not be read stands in every table with ``read`` = ``no``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from collectors.servers import tomcat_files as files
from collectors.servers.machine import Machine
from collectors.servers.tomcat_files import Row
from core.errors import ConfigError
from core.xml import Node, whole

_PLACES: Final = (
    *(
        "/var/lib/tomcat*",
        "/var/lib/tomcats/*",
        "/usr/share/tomcat*",
        "/usr/local/*",
        "/opt/*",
        "/opt/*/*",
        "/srv/*",
        "/data/*",
        "/data/*/*",
        "/app/*",
        "/home/*/*",
    ),
)
_PLAIN: Final = re.compile(r"/[A-Za-z0-9_./@:+-]*")
_MOST: Final = 20
"""Servers that are read on one machine."""
_MOST_APPS: Final = 200
_OPTION: Final = re.compile(r"-D(\S+?)=(\S*)")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "tomcat": (
        *("base", "read", "version", "shutdown", "auto_deploy", "access_log", "log_pattern", "errors", "tries", "lock_s", "digest"),
        *("server_mode", "users_mode"),
    ),
    "connectors": ("base", "read", "port", "address", "protocol", "local", "tls", "protocols", "ciphers", "secret"),
    "users": ("base", "read", "name", "roles", "password"),
    "apps": ("base", "read", "host", "name", "folder", "kind", "limited", "listings", "writable", "session_min"),
    "processes": ("base", "user"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One Tomcat: its base and home folder, who runs it (nobody when it stands still), the options of its Java machine."""

    base: str
    home: str
    users: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


def _processes(machine: Machine) -> list[Place] | None:
    """Running ones; None when not all processes are seen."""
    listing = machine.run("ps", "-ww", "-eo", "user:64=,args=")
    if listing is None or not re.search(r"(?m)^root\s", listing):
        return None
    found: dict[str, Place] = {}
    for line in listing.splitlines():
        user, _, command = line.strip().partition(" ")
        options = dict(_OPTION.findall(command))
        if options.get("catalina.base") and re.match(r"\s*\S*?(?:java|jsvc)[\w.]*\s", command):
            base = posixpath.normpath(options["catalina.base"])
            users = (*(found[base].users if base in found else ()), user)
            found[base] = Place(base, options.get("catalina.home", base), tuple(dict.fromkeys(users)), options)
    return list(found.values())


def places(machine: Machine) -> list[Place]:
    """Every Tomcat, running or not, by its base."""
    found = {one.base: one for one in _processes(machine) or ()}
    for path in (path for place in _PLACES for path in machine.files(f"{place}/conf/server.xml")):
        base = path.removesuffix("/conf/server.xml")
        text = machine.read(path)
        if base not in found and (text is None or "<Server" in text):
            debian = re.fullmatch(r"/var/lib/(tomcat\d+)", base)
            found[base] = Place(base, f"/usr/share/{debian[1]}" if debian else base)
    return [found[base] for base in islice(sorted(found), _MOST)]


def _xml(machine: Machine, path: str, tag: str) -> Node | None:
    """The tree of a file, None when it is not there, may not be read, or is none."""
    text = machine.read(path) if _PLAIN.fullmatch(path) else None
    try:
        return None if text is None else whole(text, path, tag)
    except ConfigError:
        return None


def _version(machine: Machine, place: Place) -> str:
    """By the folder's name, by the notes of the release, or by the package; ``unknown`` otherwise."""
    if named := re.search(r"tomcat-(\d+\.\d+\.\d+)", place.home):
        return named[1]
    if told := re.search(r"Apache Tomcat Version (\d+\.\d+\.\d+)", machine.read(f"{place.home}/RELEASE-NOTES") or ""):
        return told[1]
    package = re.fullmatch(r"/usr/share/(tomcat\d*)", place.home)
    asked = (("dpkg-query", "-W", "-f=${Version}", package[1]), ("rpm", "-q", "--qf", "%{VERSION}", package[1])) if package else ()
    versions = (re.match(r"\d+\.\d+\.\d+", machine.run(*words) or "") for words in asked)
    return next((found[0] for found in versions if found), "unknown")


@dataclass(frozen=True, slots=True)
class _Read:
    """A Tomcat whose files could be read."""

    place: Place
    server: Node
    everywhere: Node
    users: Node | None
    users_path: str


def _read(machine: Machine, place: Place) -> _Read | None:
    server, everywhere = (_xml(machine, f"{place.base}/conf/{name}.xml", tag) for name, tag in (("server", "Server"), ("web", "web-app")))
    if server is None or everywhere is None:
        return None
    known = {"catalina.base": place.base, **files.properties(machine.read(f"{place.base}/conf/catalina.properties")), **place.options}
    server = files.resolved(server, known)
    path = posixpath.normpath(posixpath.join(place.base, files.users_path(server)))
    accounts = _xml(machine, path, "tomcat-users")
    if accounts is None and path in _there(machine, path):
        return None
    return _Read(place, server, everywhere, accounts, path)


def _there(machine: Machine, pattern: str) -> list[str]:
    """The files of a pattern, none when it is not plain."""
    return machine.files(pattern) if _PLAIN.fullmatch(pattern.replace("*", "")) else []


def _table(name: str, machine: Machine, rows: Iterable[Row]) -> str | None:
    """The rows under a line of column names, None when the machine has no Tomcat."""
    columns = _COLUMNS[name]
    lines = ["\t".join(" ".join(row.get(column, "").split())[:200] for column in columns) for row in rows]
    return "".join(f"{line}\n" for line in ("\t".join(columns), *lines)) if places(machine) else None


def _of_each(machine: Machine) -> Iterator[tuple[Row, _Read | None]]:
    for place in places(machine):
        found = _read(machine, place)
        yield {"base": place.base, "read": "yes" if found else "no"}, found


def servers(machine: Machine) -> str | None:
    """One Tomcat a line: version, shutdown, deployment, access log, what error pages tell, lockout, how passwords are kept, modes of two files."""
    return _table("tomcat", machine, (row | _server(machine, found) if found else row for row, found in _of_each(machine)))


def _server(machine: Machine, found: _Read) -> Row:
    modes = {row.path: row.mode for row in machine.status((f"{found.place.base}/conf/server.xml", found.users_path))}
    return {
        "version": _version(machine, found.place),
        **files.settings(found.server),
        "server_mode": modes.get(f"{found.place.base}/conf/server.xml", ""),
        "users_mode": modes.get(found.users_path, ""),
    }


def connectors(machine: Machine) -> str | None:
    """One connector a line: where it listens and what protects the way to it."""
    rows = ((row | one for one in files.connectors(found.server, _version(machine, found.place))) if found else (row,) for row, found in _of_each(machine))
    return _table("connectors", machine, (row for part in rows for row in part))


def users(machine: Machine) -> str | None:
    """One account of tomcat-users.xml a line: name, roles, what can be said of its password without telling it."""
    rows = (
        (row | one for one in (files.users(found.users, files.digest(found.server)) if found.users else ())) if found else (row,)
        for row, found in _of_each(machine)
    )
    return _table("users", machine, (row for part in rows for row in part))


def apps(machine: Machine) -> str | None:
    """One application a line: what it is, whether some addresses alone reach it, whether it lists folders and takes files, minutes of a session."""
    rows = ((row | one for one in islice(_apps(machine, found), _MOST_APPS)) if found else (row,) for row, found in _of_each(machine))
    return _table("apps", machine, (row for part in rows for row in part))


def _apps(machine: Machine, found: _Read) -> Iterator[Row]:
    general = _xml(machine, f"{found.place.base}/conf/context.xml", "Context")
    for engine, host in files.hosts(found.server):
        name = host.given.get("name", "")
        above = [one for one in (engine, host, general) if one]
        for app, (folder, context) in sorted(_contexts(machine, found.place, engine, host).items()):
            path = f"{folder}/WEB-INF/web.xml"
            web = _xml(machine, path, "web-app")
            row = files.application(app, web, found.everywhere)
            is_limited = files.is_limited([*above, *([context] if context else [])]) or row.pop("filtered") == "yes"
            is_closed = web is None and path in _there(machine, path)
            yield row | {"host": name, "name": app, "folder": folder, "limited": "yes" if is_limited else "no"} | ({"read": "no"} if is_closed else {})


def _contexts(machine: Machine, place: Place, engine: Node, host: Node) -> dict[str, tuple[str, Node | None]]:
    """Name of each application -> its folder and its context: of server.xml, else of a file of its own, else of the application itself."""
    webapps = posixpath.normpath(posixpath.join(place.base, host.given.get("appBase", "webapps")))
    own = f"{place.base}/conf/{engine.given.get('name', '')}/{host.given.get('name', '')}"
    inside = sorted(path for pattern in ("WEB-INF/web.xml", "META-INF/context.xml", "index.*") for path in _there(machine, f"{webapps}/*/{pattern}"))
    names = [path.removeprefix(f"{webapps}/").split("/", 1)[0] for path in inside]
    names += [posixpath.basename(path).removesuffix(".war") for path in _there(machine, f"{webapps}/*.war")]
    found: dict[str, tuple[str, Node | None]] = {}
    for name in names:
        found[name] = (f"{webapps}/{name}", _xml(machine, f"{webapps}/{name}/META-INF/context.xml", "Context"))
    for path in _there(machine, f"{own}/*.xml"):
        name, context = posixpath.basename(path).removesuffix(".xml"), _xml(machine, path, "Context")
        found[name] = (_folder(webapps, name, context), context)
    for context in host.all("Context"):
        name = context.given.get("path", "").strip("/").replace("/", "#") or "ROOT"
        found[name] = (_folder(webapps, name, context), context)
    return found


def _folder(webapps: str, name: str, context: Node | None) -> str:
    given = (context.given.get("docBase", "") if context else "") or name
    return posixpath.normpath(posixpath.join(webapps, given)).removesuffix(".war")


def processes(machine: Machine) -> str | None:
    """Who runs each: base, account; ``stopped``, or ``unknown`` when not all processes are seen."""
    running = _processes(machine)
    idle = "unknown" if running is None else "stopped"
    return _table("processes", machine, ({"base": place.base, "user": user} for place in places(machine) for user in place.users or (idle,)))


KINDS: Final = {
    "tomcat": servers,
    "tomcat.connectors": connectors,
    "tomcat.users": users,
    "tomcat.apps": apps,
}
