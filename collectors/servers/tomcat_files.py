"""What the files of Apache Tomcat say: connectors, valves, realms, accounts and applications. Pure: trees of XML in, rows of words out.

Defaults are those of Tomcat's own configuration reference (7.0 to 11.0) for what a file leaves out. No password leaves these functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from core.xml import Node

Row = dict[str, str]

_NAMED: Final = re.compile(r"\$\{([^}:]+)(?::-([^}]*))?\}")
_GUARDS: Final = ("RemoteAddrValve", "RemoteCIDRValve", "RemoteHostValve", "RemoteAddrFilter", "RemoteCIDRFilter")
_EVERYBODY: Final = ("", ".*", ".+", "0.0.0.0/0", "0.0.0.0/0,::/0")
_VERSIONS: Final = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_PUBLISHED: Final = frozenset(
    {
        *("admin", "administrator", "changeit", "changeme", "manager", "must-be-changed", "<must-be-changed>", "password", "role1", "root", "s3cret", "secret"),
        *("tomcat", "tomcat123", "123456", "12345678", "admin123", "passw0rd", "p@ssw0rd", "abc123", "admin@123", "tomcat@123"),
    }
)
"""Passwords that stand in Tomcat's own files and in what is written about it."""


def properties(text: str | None) -> dict[str, str]:
    """``key=value`` lines of catalina.properties."""
    lines = (line.strip() for line in (text or "").splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!" and "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def resolved(node: Node, known: Mapping[str, str]) -> Node:
    """The tree with each ``${name}`` or ``${name:-default}`` of an attribute replaced where it is known."""

    def filled(value: str) -> str:
        return _NAMED.sub(lambda found: known.get(found[1], found[2] if found[2] is not None else found[0]), value)

    given = {key: filled(value) for key, value in node.given.items()}
    return replace(node, given=given, inside=[resolved(one, known) for one in node.inside])


def number_of(version: str) -> tuple[int, ...]:
    """``10.1.60`` as numbers, empty when it is none."""
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d+(?:\.\d+){0,3}", version) else ()


def _is(node: Node, name: str, *, unless_said: bool = False) -> bool:
    return {"true": True, "false": False}.get(node.given.get(name, "").strip().lower(), unless_said)


def _class(node: Node) -> str:
    return node.given.get("className", "").rsplit(".", 1)[-1]


def hosts(server: Node) -> Iterator[tuple[Node, Node]]:
    """(engine, host) pairs."""
    for engine in server.all("Service", "Engine"):
        for host in engine.all("Host"):
            yield engine, host


def _valves(nodes: Iterable[Node], *classes: str) -> list[Node]:
    return [valve for node in nodes for valve in node.all("Valve") if _class(valve) in classes]


def settings(server: Node) -> Row:
    """How the server is shut down, whether it takes up new applications, logs requests, tells its version, and locks after wrong passwords."""
    pairs = list(hosts(server))
    patterns = [_pattern(engine, host) for engine, host in pairs]
    word, port = server.given.get("shutdown", "SHUTDOWN"), server.given.get("port", "8005").strip()
    return {
        "shutdown": "off" if port == "-1" else "default" if word == "SHUTDOWN" else "own",
        "auto_deploy": "yes" if any(_is(host, "autoDeploy", unless_said=True) for _, host in pairs) else "no",
        "access_log": "yes" if patterns and all(patterns) else "no",
        "log_pattern": next((one for one in patterns if one), ""),
        "errors": _errors([(host, engine) for engine, host in pairs]),
        "digest": digest(server),
        **_lock(server),
    }


_PATTERNS: Final = {"common": '%h %l %u %t "%r" %s %b', "combined": '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'}


def _pattern(engine: Node, host: Node) -> str:
    """The pattern of the access log that covers a host, empty when none does."""
    found = [
        valve for valve in _valves((host, engine), "AccessLogValve", "ExtendedAccessLogValve", "JsonAccessLogValve") if _is(valve, "enabled", unless_said=True)
    ]
    given = found[0].given.get("pattern", "common") if found else ""
    return _PATTERNS.get(given, given)


def _errors(pairs: Sequence[tuple[Node, Node]]) -> str:
    """``hidden`` when no host shows its version and where it failed, ``own`` when a class of the site writes the pages."""
    if any(not host.given.get("errorReportValveClass", "org.apache.catalina.valves.").startswith("org.apache.catalina.valves.") for host, _ in pairs):
        return "own"
    quiet = [
        any(
            not _is(valve, "showReport", unless_said=True) and not _is(valve, "showServerInfo", unless_said=True) for valve in _valves(pair, "ErrorReportValve")
        )
        for pair in pairs
    ]
    return "hidden" if quiet and all(quiet) else "shown"


def _realms(server: Node) -> list[Node]:
    """Realms that know accounts, not those that only hold others."""
    return [realm for realm in server.every("Realm") if _class(realm) not in ("LockOutRealm", "CombinedRealm", "NullRealm")]


def _lock(server: Node) -> Row:
    """``tries`` until an account is locked, for ``lock_s`` seconds; ``none`` when a realm stands outside of a LockOutRealm, ``no-realm`` when there is none."""
    locks = [realm for realm in server.every("Realm") if _class(realm) == "LockOutRealm"]
    inside = [id(realm) for lock in locks for realm in _realms(lock)]
    realms = _realms(server)
    if not realms:
        return {"tries": "no-realm", "lock_s": ""}
    if any(id(realm) not in inside for realm in realms):
        return {"tries": "none", "lock_s": ""}
    worst = max(locks, key=lambda lock: int(lock.given.get("failureCount", "5")) if lock.given.get("failureCount", "5").isdecimal() else 0)
    return {"tries": worst.given.get("failureCount", "5"), "lock_s": worst.given.get("lockOutTime", "300")}


def digest(server: Node) -> str:
    """How passwords of tomcat-users.xml are kept: the algorithm, ``none`` for in the clear."""
    for realm in _realms(server):
        if _class(realm) in ("UserDatabaseRealm", "MemoryRealm"):
            named = [realm.given.get("digest", ""), *(_algorithm(one) for one in realm.every("CredentialHandler"))]
            if found := [one for one in named if one]:
                return ",".join(found)
    return "none"


def _algorithm(handler: Node) -> str:
    usual = "PBKDF2WithHmacSHA1" if _class(handler) == "SecretKeyCredentialHandler" else ""
    return handler.given.get("algorithm", usual)


def users_path(server: Node) -> str:
    """Where the accounts are kept, seen from the base."""
    found = [
        one.given.get("pathname", "") for one in server.all("GlobalNamingResources", "Resource") if one.given.get("type") == "org.apache.catalina.UserDatabase"
    ]
    return next((one for one in found if one), "conf/tomcat-users.xml")


def users(tree: Node, kept: str) -> Iterator[Row]:
    """Name, roles and what can be said of the password of each account without telling it."""
    roles = {group.given.get("groupname", ""): group.given.get("roles", "") for group in tree.all("group")}
    for user in tree.all("user"):
        name = user.given.get("username", user.given.get("name", ""))
        own = [user.given.get("roles", ""), *(roles.get(group.strip(), "") for group in user.given.get("groups", "").split(","))]
        yield {"name": name, "roles": ",".join(one for one in own if one), "password": _password(name, user.given.get("password", ""), kept)}


def _password(name: str, password: str, kept: str) -> str:
    if not password:
        return "empty"
    if kept != "none":
        return "hashed"
    if password.lower() == name.lower():
        return "name"
    if password.lower() in _PUBLISHED:
        return "default"
    return "short" if len(password) < 8 else "set"


def connectors(server: Node, version: str) -> Iterator[Row]:
    """Where the server listens, and what protects the way to it."""
    for node in server.all("Service", "Connector"):
        is_ajp = "ajp" in node.given.get("protocol", "").lower()
        is_closed = _ajp_is_closed(version) if is_ajp else "no"
        address = node.given.get("address", "").strip()
        has_tls = _is(node, "SSLEnabled") and not is_ajp
        yield {
            "port": node.given.get("port", ""),
            "address": address or "all",
            "protocol": "ajp" if is_ajp else "http",
            "local": ("yes" if re.match(r"127\.|::1$|0:0:0:0:0:0:0:1$|localhost$", address) else "no") if address else is_closed,
            "tls": "yes" if has_tls else "no",
            "protocols": _protocols(node) if has_tls else "",
            "ciphers": _ciphers(node) if has_tls else "",
            "secret": _secret(node, is_closed) if is_ajp else "",
        }


_CLOSED_SINCE: Final = {7: (7, 0, 100), 8: (8, 5, 51), 9: (9, 0, 31)}
"""From these on AJP listens on the loopback alone and asks for a secret unless told otherwise (CVE-2020-1938)."""


def _ajp_is_closed(version: str) -> str:
    number = number_of(version)
    if not number:
        return "unknown"
    return "yes" if number >= _CLOSED_SINCE.get(number[0], (10,)) else "no"


def _secret(node: Node, is_closed: str) -> str:
    if node.given.get("secret") or node.given.get("requiredSecret"):
        return "yes"
    return "no" if node.given.get("secretRequired", "").lower() == "false" else is_closed


def _protocols(node: Node) -> str:
    """The versions of TLS that are offered; ``jvm`` where all that the Java machine allows are."""
    own = [one.given.get("protocols", "") for one in node.all("SSLHostConfig")]
    said = own or [node.given.get("sslEnabledProtocols", node.given.get("SSLProtocol", ""))]
    found = set().union(*map(offered, said))
    return ",".join(name for name in ("jvm", *_VERSIONS) if name in found)


def offered(text: str) -> set[str]:
    """``all,-TLSv1,-TLSv1.1`` or ``+TLSv1.2+TLSv1.3`` as the set that is meant; ``jvm`` when old versions are in it by the word ``all`` or by silence."""
    found: set[str] = set()
    by_name = {name.lower(): name for name in _VERSIONS}
    for sign, word in re.findall(r"([-+,]?)\s*([^-+,\s]+)", text.lower()):
        names = set(_VERSIONS[1:]) if word == "all" else {by_name[word]} if word in by_name else set()
        found = found - names if sign == "-" else found | names
    is_open = not found or (re.search(r"\ball\b", text.lower()) and found & {"TLSv1", "TLSv1.1"})
    return {"jvm"} if is_open else found


def _ciphers(node: Node) -> str:
    named = [*(one.given.get("ciphers", "") for one in node.all("SSLHostConfig")), node.given.get("ciphers", "")]
    return " ".join(one for one in named if one) or "default"


def is_limited(nodes: Iterable[Node]) -> bool:
    """Whether a valve of a host, an engine or a context lets some addresses in alone."""
    return any(valve.given.get("allow", "").replace(" ", "") not in _EVERYBODY for valve in _valves(nodes, *_GUARDS))


def application(name: str, web: Node | None, everywhere: Node) -> Row:
    """One application by its web.xml over that of the server: what it is, whether it lists folders, takes files, and ends sessions (minutes)."""
    both = [one for one in (everywhere, web) if one]
    return {
        "kind": _kind(name, web),
        "listings": _parameter(both, "listings", "false"),
        "writable": "yes" if _parameter(both, "readonly", "true") == "false" else "no",
        "session_min": next((found for one in reversed(both) if (found := one.said("session-config", "session-timeout"))), "30"),
        "filtered": "yes" if web and _is_filtered(web) else "no",
    }


def _kind(name: str, web: Node | None) -> str:
    classes = {node.text.strip() for node in web.all("servlet", "servlet-class")} if web else set()
    if any(one.endswith("HostManagerServlet") for one in classes):
        return "host-manager"
    if any(one.endswith((".manager.ManagerServlet", ".manager.HTMLManagerServlet")) for one in classes):
        return "manager"
    return name if name in ("manager", "host-manager", "examples", "docs") else "own"


def _parameter(files: Iterable[Node], name: str, usual: str) -> str:
    """A parameter of the servlet that serves files; that of the application counts before that of the server."""
    said = usual
    for file in files:
        for servlet in file.all("servlet"):
            if servlet.said("servlet-class").endswith(".DefaultServlet"):
                values = {one.said("param-name"): one.said("param-value").lower() for one in servlet.all("init-param")}
                said = values.get(name, said)
    return said


def _is_filtered(web: Node) -> bool:
    for one in web.all("filter"):
        if one.said("filter-class").rsplit(".", 1)[-1] in _GUARDS:
            allowed = [param.said("param-value").replace(" ", "") for param in one.all("init-param") if param.said("param-name") == "allow"]
            return any(value not in _EVERYBODY for value in allowed)
    return False
