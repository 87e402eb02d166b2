"""What is read off a Tomcat: a real one as it is shipped and one kept well, and what hostile or odd files do to the reader."""

from __future__ import annotations

import http.client
import os
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.servers import tomcat
from collectors.servers.facts import FACTS
from collectors.servers.machine import LocalMachine, Machine
from collectors.servers.remote import RemoteMachine
from collectors.servers.tomcat_files import connectors, digest, offered, settings, users
from compliance.evaluate import evaluate
from compliance.load import load_checks
from compliance.prove import NOW, host
from core.errors import ConfigError
from core.records import Snapshot, ended
from core.xml import Node, whole
from tests.collectors.support import Authority
from tests.peers.program import accepts, free_port, program, running

CHECKS = {name: check for name, check in load_checks().checks.items() if name.startswith("tmc-")}
HOME = Path("/usr/share/tomcat10")


def texts(machine: Machine, base: Path | str) -> dict[str, str]:
    """The texts as the collector writes them, of one Tomcat alone: others may be installed here."""
    read = {fact.kind: fact.read(machine) or "" for fact in FACTS if fact.kind.split(".")[0] == "tomcat"}
    return {kind: "".join(line for line in text.splitlines(True) if line.startswith(("base\t", f"{base}\t", "# end"))) for kind, text in read.items()}


def rows(text: str) -> list[dict[str, str]]:
    head, *lines = (line.split("\t") for line in text.splitlines() if line != "# end")
    return [dict(zip(head, line, strict=True)) for line in lines]


def verdicts(found: dict[str, str]) -> dict[str, str]:
    there = found | {kind: host("debian")[kind] for kind in ("os-release", "accounts", "packages")}
    snapshots = [Snapshot(time=NOW, asset="a", kind=kind, body=ended(body)) for kind, body in there.items()]
    return {name: evaluate(check, "a", snapshots, NOW).outcome.value for name, check in CHECKS.items()}


def by_shell(script: str) -> bytes:
    return subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=True).stdout


def shipped(base: Path) -> Path:
    """A base folder as the package makes it, with its manager and examples."""
    if not (HOME / "bin/catalina.sh").exists():
        program("tomcat10")  # says what is missing
    shutil.copytree(HOME / "etc", base / "conf")
    shutil.copytree("/etc/tomcat10/Catalina", base / "conf/Catalina")
    for name in ("server.xml", "tomcat-users.xml"):
        (base / "conf" / name).chmod(0o640)
    for folder in ("webapps", "logs", "work", "temp"):
        (base / folder).mkdir()
    shutil.copytree("/usr/share/tomcat10-root/default_root", base / "webapps/ROOT")
    return base


@contextmanager
def started(base: Path, port: int) -> Iterator[None]:
    own = {"CATALINA_BASE": str(base), "CATALINA_HOME": str(HOME), "CATALINA_TMPDIR": str(base / "temp"), "JAVA_OPTS": "-Xmx128m"}
    with running([str(HOME / "bin/catalina.sh"), "run"], lambda: accepts(port), base / "logs/out", environment=own, timeout_s=90):
        yield


def answer(port: int, path: str, tls: ssl.SSLContext | None = None, login: str = "") -> tuple[int, str]:
    link = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=30) if tls else http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        link.request("GET", path, headers={"Authorization": "Basic " + b64encode(login.encode()).decode()} if login else {})
        said = link.getresponse()
        return said.status, said.read().decode("utf-8", "replace")
    finally:
        link.close()


def changed(path: Path, *pairs: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.mark.peer
@pytest.mark.slow
def test_a_tomcat_as_shipped_is_read_as_it_answers(tmp_path: Path) -> None:
    base, port = shipped(tmp_path / "t"), free_port()
    changed(base / "conf/server.xml", ('port="8080"', f'port="{port}" address="0.0.0.0"'))
    user = '<user username="tomcat" password="s3cret" roles="manager-gui,admin-gui"/>'
    changed(base / "conf/tomcat-users.xml", ("</tomcat-users>", f"{user}</tomcat-users>"))
    (base / "conf/tomcat-users.xml").chmod(0o644)
    with started(base, port):
        found = texts(LocalMachine(), base)
        assert found == texts(RemoteMachine(by_shell), base)
        assert "Apache Tomcat" in answer(port, "/nothing")[1]
        assert answer(port, "/manager/html", login="tomcat:s3cret")[0] == 200
        assert answer(port, "/examples/")[0] == 200
    (server,), (account,) = rows(found["tomcat"]), rows(found["tomcat.users"])
    assert server["version"].startswith("10.1.")
    assert (server["read"], server["shutdown"], server["auto_deploy"], server["errors"], server["users_mode"]) == ("yes", "off", "yes", "shown", "0644")
    assert account == {"base": str(base), "read": "yes", "name": "tomcat", "roles": "manager-gui,admin-gui", "password": "default"}
    assert "s3cret" not in "".join(found.values())
    assert {row["name"]: (row["kind"], row["limited"]) for row in rows(found["tomcat.apps"])} == {
        "ROOT": ("own", "no"), "examples": ("examples", "no"), "host-manager": ("host-manager", "no"), "manager": ("manager", "no"),
    }  # fmt: skip
    wanted = dict.fromkeys(CHECKS, "fail") | dict.fromkeys(("tmc-log", "tmc-ports", "tmc-tls", "tmc-lock", "tmc-supported"), "pass")
    assert verdicts(found) == wanted | {"tmc-account": "fail" if os.geteuid() == 0 else "pass"}


KEPT = """<?xml version="1.0"?>
<Server port="-1">
  <GlobalNamingResources><Resource name="UserDatabase" type="org.apache.catalina.UserDatabase"
    factory="org.apache.catalina.users.MemoryUserDatabaseFactory" pathname="conf/tomcat-users.xml"/></GlobalNamingResources>
  <Service name="Catalina">
    <Connector port="${{site.port}}" SSLEnabled="true" scheme="https" secure="true">
      <SSLHostConfig protocols="TLSv1.2+TLSv1.3"><Certificate certificateFile="{pem}" certificateKeyFile="{pem}"/></SSLHostConfig>
    </Connector>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.LockOutRealm" failureCount="3" lockOutTime="600">
        <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="UserDatabase">
          <CredentialHandler className="org.apache.catalina.realm.SecretKeyCredentialHandler" algorithm="PBKDF2WithHmacSHA512" iterations="1000"/>
        </Realm>
      </Realm>
      <Host name="localhost" appBase="webapps" autoDeploy="false">
        <Valve className="org.apache.catalina.valves.ErrorReportValve" showReport="false" showServerInfo="false"/>
        <Valve className="org.apache.catalina.valves.AccessLogValve" directory="logs" prefix="access" suffix=".txt" pattern="combined" buffered="false"/>
      </Host>
    </Engine>
  </Service>
</Server>
"""


@pytest.mark.peer
@pytest.mark.slow
def test_a_tomcat_that_is_kept_well_passes_and_does_what_its_files_say(tmp_path: Path) -> None:
    base, port = shipped(tmp_path / "t"), free_port()
    Authority(tmp_path).write(tmp_path / "site.pem", "localhost", days=9)
    (base / "conf/server.xml").write_text(KEPT.format(pem=tmp_path / "site.pem"), encoding="utf-8")
    with (base / "conf/catalina.properties").open("a", encoding="utf-8") as file:
        file.write(f"\nsite.port={port}\n")
    for name in ("examples", "host-manager"):
        (base / f"conf/Catalina/localhost/{name}.xml").unlink()
    guard = '<Valve className="org.apache.catalina.valves.RemoteCIDRValve" allow="127.0.0.1"/></Context>'
    changed(base / "conf/Catalina/localhost/manager.xml", ('privileged="true" />', f'privileged="true">{guard}'))
    made = subprocess.run(
        [str(HOME / "bin/catalina.sh").replace("catalina.sh", "digest.sh"), "-a", "PBKDF2WithHmacSHA512", "-i", "1000", "-s", "16",
         "-h", "org.apache.catalina.realm.SecretKeyCredentialHandler", "Hush-Hush-12"],
        check=True, capture_output=True, text=True, env={**os.environ, "CATALINA_HOME": str(HOME)},
    )  # fmt: skip
    kept = made.stdout.strip().rsplit(":", 1)[-1]
    user = f'<user username="zhangwei" password="{kept}" roles="manager-gui"/>'
    changed(base / "conf/tomcat-users.xml", ("</tomcat-users>", f"{user}</tomcat-users>"))
    old, new = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context in (old, new):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with started(base, port):
        found = texts(LocalMachine(), base)
        assert answer(port, "/manager/html", new, "zhangwei:Hush-Hush-12")[0] == 200
        status, page = answer(port, "/nothing", new)
        assert (status, "Tomcat" in page) == (404, False)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            answer(port, "/", old)
        assert [answer(port, "/manager/html", new, "zhangwei:wrong")[0] for _ in range(3)] == [401, 401, 401]
        assert answer(port, "/manager/html", new, "zhangwei:Hush-Hush-12")[0] == 401  # locked
        assert "zhangwei [" in "".join(path.read_text() for path in (base / "logs").glob("access*"))
    assert kept not in "".join(found.values())
    (connector,) = rows(found["tomcat.connectors"])
    assert (connector["port"], connector["tls"], connector["protocols"], connector["ciphers"]) == (str(port), "yes", "TLSv1.2,TLSv1.3", "default")
    wanted = dict.fromkeys(CHECKS, "pass")
    assert verdicts(found) == wanted | {"tmc-account": "fail" if os.geteuid() == 0 else "pass"}


def tree(root: Path, files: dict[str, str]) -> LocalMachine:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return LocalMachine(str(root))


WEB = "<web-app><session-config><session-timeout>30</session-timeout></session-config></web-app>"
SERVER = "<Server><Service><Engine name='Catalina'><Host name='localhost'>{}</Host></Engine></Service></Server>"


def apps(root: Path, files: dict[str, str], inside: str = "") -> dict[str, dict[str, str]]:
    machine = tree(root, {"opt/t/conf/server.xml": SERVER.format(inside), "opt/t/conf/web.xml": WEB, **files})
    return {row["name"]: row for row in rows(texts(machine, "/opt/t")["tomcat.apps"])}


GUARD = "<Context><Valve className='org.apache.catalina.valves.RemoteAddrValve' allow='{}'/></Context>"
MANAGER = "<web-app><servlet><servlet-class>org.apache.catalina.manager.ManagerServlet</servlet-class></servlet></web-app>"


def test_the_context_beside_the_server_counts_before_that_of_the_application(tmp_path: Path) -> None:
    inside = {"opt/t/webapps/ops/WEB-INF/web.xml": MANAGER, "opt/t/webapps/ops/META-INF/context.xml": GUARD.format("127\\.0\\.0\\.1")}
    assert {key: apps(tmp_path / "a", inside)["ops"][key] for key in ("kind", "limited")} == {"kind": "manager", "limited": "yes"}
    beside = {"opt/t/conf/Catalina/localhost/ops.xml": "<Context/>"}
    assert apps(tmp_path / "b", inside | beside)["ops"]["limited"] == "no"
    assert apps(tmp_path / "c", inside | {"opt/t/webapps/ops/META-INF/context.xml": GUARD.format(".*")})["ops"]["limited"] == "no"
    on_host = "<Valve className='org.apache.catalina.valves.RemoteCIDRValve' allow='10.8.0.0/16'/>"
    assert apps(tmp_path / "d", inside | beside, on_host)["ops"]["limited"] == "yes"
    named = apps(tmp_path / "e", inside, "<Context path='/x/y' docBase='ops'/>")
    assert (named["x#y"]["kind"], named["x#y"]["folder"]) == ("manager", "/opt/t/webapps/ops")


def test_an_application_says_its_own_times_listings_and_writing(tmp_path: Path) -> None:
    servlet = "<servlet><servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class>{}</servlet>"
    init = "<init-param><param-name>{}</param-name><param-value>{}</param-value></init-param>"
    own = servlet.format(init.format("listings", "true") + init.format("readonly", "False"))
    old = "<!DOCTYPE web-app PUBLIC '-//Sun//DTD Web Application 2.3//EN' 'http://java.sun.com/dtd/web-app_2_3.dtd'>"
    timeout = "<session-config><session-timeout> 480 </session-timeout></session-config>"
    found = apps(tmp_path, {"opt/t/webapps/a/WEB-INF/web.xml": f"{old}<web-app>{own}{timeout}</web-app>", "opt/t/webapps/b.war": "x"})
    assert [found["a"][key] for key in ("read", "listings", "writable", "session_min")] == ["yes", "true", "yes", "480"]
    assert [found["b"][key] for key in ("read", "listings", "writable", "session_min")] == ["yes", "false", "no", "30"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<!DOCTYPE Server [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><Server><Service name='&a;'/></Server>",
        "<Server><Service>" + "<a>" * 100 + "</a>" * 100 + "</Service></Server>",
        "<Server",
        "<Server></Wrong>",
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_gives_no_verdict(tmp_path: Path, hostile: str) -> None:
    found = texts(tree(tmp_path, {"opt/t/conf/server.xml": hostile, "opt/t/conf/web.xml": WEB}), "/opt/t")
    assert {row["read"] for kind in tomcat.KINDS for row in rows(found[kind])} == {"no"}
    assert set(verdicts(found | {"tomcat.processes": "base\tuser\n/opt/t\ttomcat\n"}).values()) == {"pass", "unknown"}
    assert [name for name, outcome in verdicts(found | {"tomcat.processes": "base\tuser\n/opt/t\ttomcat\n"}).items() if outcome == "pass"] == ["tmc-account"]


def test_a_closed_application_is_unknown_and_what_is_no_tomcat_is_left_alone(tmp_path: Path) -> None:
    broken = apps(tmp_path, {"opt/t/webapps/a/WEB-INF/web.xml": "<web-app>"})
    assert broken["a"]["read"] == "no"
    assert tomcat.servers(tree(tmp_path / "b", {"opt/other/conf/server.xml": "<server/>"})) is None
    assert tomcat.processes(tree(tmp_path / "b", {})) is None


def server(inside: str) -> Node:
    return whole(f"<Server><Service>{inside}</Service></Server>", "server.xml", "Server")


@pytest.mark.parametrize(
    ("version", "given", "local", "secret"),
    [
        ("9.0.30", "", "no", "no"),
        ("9.0.31", "", "yes", "yes"),
        ("8.5.50", "address='0.0.0.0' secret='x'", "no", "yes"),
        ("10.1.5", "address='10.1.1.1' secretRequired='false'", "no", "no"),
        ("10.1.5", "address='::1' secretRequired='false'", "yes", "no"),
        ("unknown", "", "unknown", "unknown"),
    ],
)
def test_where_ajp_listens_by_default_follows_the_version(version: str, given: str, local: str, secret: str) -> None:
    (row,) = connectors(server(f"<Connector port='8009' protocol='AJP/1.3' {given}/>"), version)
    assert (row["protocol"], row["local"], row["secret"], row["tls"]) == ("ajp", local, secret, "no")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", {"jvm"}),
        ("all", {"jvm"}),
        ("all,-SSLv2Hello", {"jvm"}),
        ("all,-TLSv1,-TLSv1.1", {"TLSv1.2", "TLSv1.3"}),
        ("+TLSv1.2+TLSv1.3", {"TLSv1.2", "TLSv1.3"}),
        ("TLSv1, tlsv1.2", {"TLSv1", "TLSv1.2"}),
    ],
)
def test_the_versions_of_tls_are_those_that_the_words_mean(text: str, meant: set[str]) -> None:
    assert offered(text) == meant


@pytest.mark.parametrize(
    ("password", "handler", "said"),
    [
        ("", "", "empty"),
        ("li", "", "name"),
        ("S3cret", "", "default"),
        ("Ab-12", "", "short"),
        ("Hush-Hush-12", "", "set"),
        ("0a1b$1000$ff", "<CredentialHandler className='x.SecretKeyCredentialHandler'/>", "hashed"),
        ("Hush-Hush-12", "<CredentialHandler className='x.MessageDigestCredentialHandler'/>", "set"),
    ],
)
def test_of_a_password_its_state_alone_is_told(password: str, handler: str, said: str) -> None:
    realm = server(f"<Engine><Realm className='x.UserDatabaseRealm'>{handler}</Realm></Engine>")
    accounts = whole(
        f"<tomcat-users><user username='Li' password='{password}' roles='a' groups='g'/><group groupname='g' roles='b'/></tomcat-users>", "u", "tomcat-users"
    )
    assert list(users(accounts, digest(realm))) == [{"name": "Li", "roles": "a,b", "password": said}]


@pytest.mark.parametrize(
    ("realms", "tries"),
    [
        ("", "no-realm"),
        ("<Realm className='x.LockOutRealm'><Realm className='x.JNDIRealm'/></Realm>", "5"),
        ("<Realm className='x.LockOutRealm' failureCount='9'><Realm className='x.CombinedRealm'><Realm className='x.JNDIRealm'/></Realm></Realm>", "9"),
        ("<Realm className='x.JNDIRealm'/>", "none"),
    ],
)
def test_a_realm_outside_of_a_lock_is_told(realms: str, tries: str) -> None:
    assert settings(server(f"<Engine>{realms}</Engine>"))["tries"] == tries


def test_a_tree_begins_with_what_was_asked_for() -> None:
    with pytest.raises(ConfigError, match="begins with 'a' and not with 'Server'"):
        whole("<a><Server/></a>", "f", "Server")
    with pytest.raises(ConfigError, match="has a DOCTYPE"):
        whole("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "f", "a")
