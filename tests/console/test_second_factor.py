"""The second factor: enrolling, codes that work once, recovery codes, lock-out, what is demanded, from where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from console import door
from console.desk import Desk, install, open_desk
from console.gate import COOKIE
from console.identity.accounts import Account
from console.identity.addresses import is_admitted
from console.identity.login import CodeAsked
from console.identity.roles import Role
from console.identity.second import matching_step, new_key, new_recovery_codes, recovery_id
from core.clock import ManualClock
from core.errors import ConfigError, Refused, StoreAway
from core.names import ACCOUNT, LOGIN_STEP, SESSION
from core.settings import ConsoleSettings, RoleName, Settings, read_settings
from inventory.credentials import Vault, master_key
from store.base import Store
from tests.console.conftest import PASSWORD, person
from tests.console.test_gate import log_in, program

FROM = "10.0.0.1"


@dataclass
class Phone:
    """An authenticator program with the key of one account."""

    key: str
    clock: ManualClock
    codes: tuple[str, ...] = ()

    def code(self, later: int = 0) -> str:
        totp = pyotp.TOTP(self.key)
        return totp.generate_otp(totp.timecode(self.clock.now()) + later)


Open = Callable[..., Desk]


@pytest.fixture
def desk_with(store: Store, clock: ManualClock, tmp_path: Path) -> Open:
    def opened(**policy: Any) -> Desk:
        made = open_desk(store, Settings(data=tmp_path / "data", console=ConsoleSettings(**policy)), clock)
        install(made)
        return made

    return opened


def enrolled(here: Desk, clock: ManualClock, name: str, *roles: Role) -> Phone:
    """An account with a second factor; its next code is not used yet."""
    person(here, name, *roles)
    token = here.identity.log_in(name, PASSWORD, FROM, here.now())
    session = here.identity.sessions.find(token, here.now())
    assert session is not None
    key, offer = here.identity.keys.offer(name, session.id)
    _fresh, codes = here.identity.enrol(token, offer, PASSWORD, pyotp.TOTP(key).at(here.now()), FROM, here.now())
    clock.advance(30)
    return Phone(key, clock, codes)


def first_step(here: Desk, name: str) -> str:
    with pytest.raises(CodeAsked) as asked:
        here.identity.log_in(name, PASSWORD, FROM, here.now())
    return asked.value.step


def enter(here: Desk, name: str, code: str) -> str:
    return here.identity.enter_code(first_step(here, name), code, FROM, here.now())


@pytest.mark.parametrize(("seconds", "code"), [(59, "94287082"), (1_111_111_109, "07081804"), (1_234_567_890, "89005924"), (20_000_000_000, "65353130")])
def test_codes_are_those_of_the_standards_examples(seconds: int, code: str) -> None:
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: the key 12345678901234567890, codes there have eight digits
    now = datetime.fromtimestamp(seconds, tz=ManualClock(datetime.fromisoformat("2026-03-02T01:00:00+00:00")).now().tzinfo)
    assert matching_step(key, code[-6:], now, 0) == seconds // 30


def test_a_code_is_taken_one_step_early_or_late_and_no_more(clock: ManualClock) -> None:
    phone = Phone(new_key(), clock)
    taken = [matching_step(phone.key, phone.code(later), clock.now(), 0) is not None for later in (-2, -1, 0, 1, 2)]
    assert taken == [False, True, True, True, False]


@pytest.mark.parametrize("code", ["", "0", "12345", "1234567", "abcdef", "１２３４５６", "\ud800", "0x1234", "-12345"])
def test_what_is_no_code_is_none(code: str, clock: ManualClock) -> None:
    assert matching_step(new_key(), code, clock.now(), 0) is None


def test_a_password_alone_opens_no_session_when_there_is_a_second_factor(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    before = len(here.store.documents.find(SESSION).items)
    step = first_step(here, "alice")
    assert len(here.store.documents.find(SESSION).items) == before
    assert here.identity.sessions.find(step, here.now()) is None
    token = here.identity.enter_code(step, phone.code(), FROM, here.now())
    assert here.identity.sessions.find(token, here.now())
    assert here.store.audit.read(actor="alice")[-1].body == {"from": FROM, "factor": "code"}


def test_a_code_works_once_and_an_earlier_one_no_more(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    used, before = phone.code(), phone.code(-1)
    assert enter(here, "alice", used)
    for code in (used, before):
        with pytest.raises(Refused, match="used before"):
            enter(here, "alice", code)
    assert enter(here, "alice", phone.code(1))


def test_a_used_code_stays_used_after_a_restart(here: Desk, desk_with: Open, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    assert enter(here, "alice", phone.code())
    again = desk_with()
    with pytest.raises(Refused, match="used before"):
        enter(again, "alice", phone.code())


def test_of_simultaneous_logins_with_one_code_one_gets_in(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    steps, code = [first_step(here, "alice") for _ in range(4)], phone.code()

    def attempt(step: str) -> bool:
        try:
            return bool(here.identity.enter_code(step, code, FROM, here.now()))
        except Refused:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, steps)) == 1


def test_of_simultaneous_logins_with_one_recovery_code_one_gets_in(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    account = here.identity.accounts
    wanted = recovery_id(phone.codes[3])
    from console.identity.login import _without_recovery

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda _n: account.spend("alice", lambda fresh: _without_recovery(fresh, phone.codes[3])) is not None, range(4)))
    assert sum(won) == 1
    assert wanted not in account.get("alice").recovery


def test_a_recovery_code_opens_once_however_it_is_typed(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    assert len(set(phone.codes)) == 10
    assert enter(here, "alice", phone.codes[0].upper().replace("-", " "))
    with pytest.raises(Refused):
        enter(here, "alice", phone.codes[0])
    assert len(here.identity.accounts.get("alice").recovery) == 9
    assert here.store.audit.read(actor="alice", action="login")[-1].body["factor"] == "recovery code"


def test_wrong_codes_lock_the_account_as_wrong_passwords_do(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    answers = set()
    for _ in range(here.settings.console.lock_after):
        with pytest.raises(Refused) as refused:
            enter(here, "alice", "not-a-code")
        answers.add(str(refused.value))
    with pytest.raises(Refused, match="locked"):
        here.identity.log_in("alice", PASSWORD, FROM, here.now())
    clock.advance(here.settings.console.lock_minutes * 60 + 1)
    assert len(answers) == 1
    assert enter(here, "alice", phone.code())


def test_the_right_password_between_wrong_codes_forgives_none_of_them(here: Desk, clock: ManualClock) -> None:
    enrolled(here, clock, "alice", Role.VIEWER)
    for _ in range(here.settings.console.lock_after - 1):
        with pytest.raises(Refused):
            enter(here, "alice", "not-a-code")
    assert here.identity.accounts.get("alice").failures == here.settings.console.lock_after - 1
    step = first_step(here, "alice")
    with pytest.raises(Refused):
        here.identity.log_in("alice", "wrong", FROM, here.now())
    with pytest.raises(Refused, match="locked"):
        here.identity.enter_code(step, "not-a-code", FROM, here.now())


def test_the_second_step_waits_five_minutes_and_serves_one_login(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    late = first_step(here, "alice")
    clock.advance(301)
    with pytest.raises(Refused, match="log in again"):
        here.identity.enter_code(late, phone.code(), FROM, here.now())
    step = first_step(here, "alice")
    assert here.identity.enter_code(step, phone.code(), FROM, here.now())
    clock.advance(30)
    with pytest.raises(Refused, match="log in again"):
        here.identity.enter_code(step, phone.code(), FROM, here.now())
    assert len(here.store.documents.find(LOGIN_STEP).items) == 0


def test_enrolling_needs_the_password_and_a_code_and_ends_other_sessions(here: Desk, clock: ManualClock) -> None:
    person(here, "alice", Role.VIEWER)
    other, mine = (here.identity.log_in("alice", PASSWORD, FROM, here.now()) for _ in range(2))
    session = here.identity.sessions.find(mine, here.now())
    assert session is not None
    key, offer = here.identity.keys.offer("alice", session.id)
    good = pyotp.TOTP(key).at(here.now())
    for token, box, password, code in (
        (mine, offer, "wrong", good),
        (mine, offer, PASSWORD, "000"),
        (mine, "{}", PASSWORD, good),
        (other, offer, PASSWORD, good),
    ):
        with pytest.raises(Refused):
            here.identity.enrol(token, box, password, code, FROM, here.now())
    assert not here.identity.accounts.get("alice").has_second
    fresh, codes = here.identity.enrol(mine, offer, PASSWORD, good, FROM, here.now())
    clock.advance(3)
    living = [here.identity.sessions.find(token, here.now()) is not None for token in (other, mine, fresh)]
    assert living == [False, False, True]
    with pytest.raises(Refused, match="already"):
        here.identity.enrol(fresh, offer, PASSWORD, good, FROM, here.now())
    assert len(codes) == 10


def test_neither_key_nor_recovery_codes_are_in_the_store_or_in_any_answer(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    account = here.identity.accounts.get("alice")
    kept = str([document.body for document in here.store.documents.find(ACCOUNT).items])
    said = str(here.store.audit.read()) + repr(account) + str(account.public())
    for secret in (phone.key, *phone.codes):
        assert secret not in kept + said
    assert account.second["box"] not in said
    assert not any(digest in said for digest in account.recovery)


def test_the_second_factor_ends_with_password_and_code_only(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    token = enter(here, "alice", phone.code())
    clock.advance(30)
    for password, code in (("wrong", phone.code()), (PASSWORD, ""), (PASSWORD, "not-a-code")):
        with pytest.raises(Refused):
            here.identity.end_second(token, password, code, FROM, here.now())
    assert here.identity.accounts.get("alice").has_second
    here.identity.end_second(token, PASSWORD, phone.code(), FROM, here.now())
    assert not here.identity.accounts.get("alice").has_second
    assert here.identity.log_in("alice", PASSWORD, FROM, here.now())
    assert here.store.audit.read(actor="alice", action="account.second_off")


def test_new_recovery_codes_make_the_old_ones_worthless(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    token = enter(here, "alice", phone.code())
    clock.advance(30)
    fresh = here.identity.renew_codes(token, PASSWORD, phone.code(), FROM, here.now())
    with pytest.raises(Refused):
        enter(here, "alice", phone.codes[5])
    assert enter(here, "alice", fresh[5])


def test_a_signature_asks_for_the_code_as_well(here: Desk, clock: ManualClock) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    with pytest.raises(Refused, match="code"):
        here.identity.confirm("alice", PASSWORD, FROM, here.now())
    assert here.identity.confirm("alice", PASSWORD, FROM, here.now(), phone.code()).name == "alice"
    with pytest.raises(Refused, match="used before"):
        here.identity.confirm("alice", PASSWORD, FROM, here.now(), phone.code())


def test_only_the_system_administrator_resets_a_second_factor(here: Desk, clock: ManualClock) -> None:
    enrolled(here, clock, "alice", Role.VIEWER)
    for role in set(Role) - {Role.SYSTEM_ADMIN}:
        with pytest.raises(Refused, match=r"account\.write"):
            here.identity.accounts.reset_second(Account(name="me", roles=(role,)), "alice", here.now())
    me = Account(name="me", roles=(Role.SYSTEM_ADMIN,))
    here.identity.accounts.reset_second(me, "alice", here.now())
    account = here.identity.accounts.get("alice")
    assert (account.has_second, account.recovery, account.needs_second(here.settings.console)) == (False, (), True)
    assert [entry.object for entry in here.store.audit.read(action="account.second_reset")] == ["alice"]
    with pytest.raises(Refused, match="no second factor"):
        here.identity.accounts.reset_second(me, "alice", here.now())
    with pytest.raises(Refused, match="own account"):
        here.identity.accounts.reset_second(me, "me", here.now())


def test_without_an_audit_entry_no_second_factor_changes_and_nobody_gets_in(here: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    token = enter(here, "alice", phone.code())
    step = first_step(here, "alice")
    before, sessions = here.identity.accounts.get("alice").second, len(here.store.documents.find(SESSION).items)
    clock.advance(30)

    def fail(**_: Any) -> None:
        raise StoreAway("the disk is full")

    monkeypatch.setattr(here.store.audit, "append", fail)
    for code, attempt in (
        (phone.code(), lambda given: here.identity.enter_code(step, given, FROM, here.now())),
        (phone.codes[0], lambda given: here.identity.end_second(token, PASSWORD, given, FROM, here.now())),
        (phone.codes[1], lambda given: here.identity.renew_codes(token, PASSWORD, given, FROM, here.now())),
        ("", lambda _given: here.identity.accounts.reset_second(Account(name="me", roles=(Role.SYSTEM_ADMIN,)), "alice", here.now())),
    ):
        with pytest.raises(StoreAway):
            attempt(code)
    assert here.identity.accounts.get("alice").second == before
    assert len(here.store.documents.find(SESSION).items) == sessions


def test_sessions_that_ended_by_themselves_are_forgotten_at_the_next_login(here: Desk, clock: ManualClock) -> None:
    person(here, "alice", Role.VIEWER)
    for _ in range(3):
        here.identity.log_in("alice", PASSWORD, FROM, here.now())
    clock.advance(3600)
    here.identity.log_in("alice", PASSWORD, FROM, here.now())
    assert len(here.store.documents.find(SESSION).items) == 1


@pytest.mark.parametrize(("setting", "asked"), [("offered", set[str]()), ("administrators", {"aud", "first"}), ("everybody", {"aud", "first", "op"})])
def test_who_must_have_a_second_factor_is_a_setting(desk_with: Open, setting: str, asked: set[str]) -> None:
    here = desk_with(second_factor=setting)
    founder = Account(name="first", roles=(Role.DUTY_LEADER,), is_founder=True)
    accounts = [Account(name="op", roles=(Role.OPERATOR,)), Account(name="aud", roles=(Role.AUDIT_ADMIN,)), founder]
    assert {account.name for account in accounts if account.needs_second(here.settings.console)} == asked


def test_a_rotated_master_key_opens_the_second_factors_too(here: Desk, clock: ManualClock, tmp_path: Path) -> None:
    phone = enrolled(here, clock, "alice", Role.VIEWER)
    fresh = bytes(range(32))
    count = Vault(here.store, master_key(tmp_path / "data")).rotate(fresh, who="test", now=here.now())
    assert count == 1
    with pytest.raises(Refused):
        enter(here, "alice", phone.code())
    assert here.store.audit.read(actor="alice", action="login.refused")[-1].body["reason"] == "key"
    assert here.identity.accounts.get("alice").failures == 0
    (tmp_path / "data" / "master.key").write_text(fresh.hex())
    assert enter(here, "alice", phone.code())


def test_accounts_that_nobody_used_are_held_until_an_administrator_opens_them(here: Desk, clock: ManualClock) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    person(here, "alice", Role.VIEWER)
    clock.advance(timedelta(days=91).total_seconds())
    with pytest.raises(Refused, match="name or the password"):
        here.identity.log_in("alice", PASSWORD, FROM, here.now())
    assert here.store.audit.read(actor="alice", action="login.refused")[-1].body["reason"] == "unused"
    here.identity.accounts.disable(boss, "alice", here.now(), disabled=False)
    assert here.identity.log_in("alice", PASSWORD, FROM, here.now())


def test_holding_unused_accounts_can_be_switched_off(desk_with: Open, clock: ManualClock) -> None:
    here = desk_with(unused_days=0)
    person(here, "alice", Role.VIEWER)
    clock.advance(timedelta(days=900).total_seconds())
    assert here.identity.log_in("alice", PASSWORD, FROM, here.now())


@pytest.mark.parametrize(
    ("roles", "address", "is_in"),
    [
        ((Role.SYSTEM_ADMIN,), "10.9.0.7", True),
        ((Role.SYSTEM_ADMIN,), "::ffff:10.9.0.7", True),
        ((Role.SYSTEM_ADMIN,), "fd00::7", True),
        ((Role.SYSTEM_ADMIN,), "10.8.0.7", False),
        ((Role.SYSTEM_ADMIN,), "fe80::7", False),
        ((Role.SYSTEM_ADMIN,), "", False),
        ((Role.SYSTEM_ADMIN,), "testclient", False),
        ((Role.VIEWER,), "203.0.113.9", True),
        ((Role.OPERATOR,), "10.8.0.7", True),
        ((Role.OPERATOR,), "10.9.0.7", False),
        ((Role.AUDIT_ADMIN,), "10.9.0.7", False),
        ((Role.AUDIT_ADMIN,), "192.0.2.4", True),
        ((Role.OPERATOR, Role.SYSTEM_ADMIN), "10.9.0.7", False),
    ],
)
def test_roles_are_bound_to_networks(roles: tuple[Role, ...], address: str, is_in: bool) -> None:
    ranges: dict[RoleName, tuple[str, ...]] = {"operator": ("10.8.0.0/16",), "audit_admin": ("192.0.2.4",)}
    policy = ConsoleSettings(admin_addresses=("10.9.0.0/24", "fd00::/8"), role_addresses=ranges)
    assert is_admitted(Account(name="alice", roles=roles), address, policy) is is_in


def test_a_login_from_elsewhere_is_refused_audited_and_locks_nobody_out(desk_with: Open) -> None:
    here = desk_with(admin_addresses="10.9.0.0/24")
    person(here, "boss", Role.SYSTEM_ADMIN)
    for password in (PASSWORD, *["wrong"] * 6):
        with pytest.raises(Refused, match="name or the password"):
            here.identity.log_in("boss", password, "10.8.0.1", here.now())
    assert here.store.audit.read(actor="boss", action="login.refused")[-1].body == {"from": "10.8.0.1", "reason": "address"}
    assert here.identity.log_in("boss", PASSWORD, "10.9.0.5", here.now())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('admin_addresses = ["10.9.0.0/33"]', "is no address and no network"),
        ('admin_addresses = "office"', "is no address and no network"),
        ('role_addresses = {auditor = ["10.9.0.0/24"]}', "audit_admin"),
        ('role_addresses = {operator = ["nowhere"]}', "is no address and no network"),
        ('second_factor = "sometimes"', "administrators"),
    ],
)
def test_wrong_settings_stop_the_start_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "wanglou.toml"
    file.write_text(f"[console]\n{text}\n")
    with pytest.raises(ConfigError, match=said) as wrong:
        read_settings(file, {})
    assert "wanglou.toml" in str(wrong.value)


def test_the_settings_know_every_role() -> None:
    assert set(RoleName.__args__) == set(Role)  # type: ignore[attr-defined]


# over HTTP


@pytest.fixture
def browser(desk_with: Open) -> Iterator[Callable[..., tuple[Desk, TestClient]]]:
    opened: list[TestClient] = []

    def made(**policy: Any) -> tuple[Desk, TestClient]:
        here = desk_with(**policy)
        client = TestClient(program(here), base_url="http://127.0.0.1:8600", follow_redirects=False, client=("10.9.0.5", 5000))
        opened.append(client)
        client.__enter__()
        return here, client

    yield made
    for client in opened:
        client.__exit__()


def hidden(text: str, name: str) -> str:
    import html

    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, text
    return html.unescape(found[1])


def enrol_over_http(client: TestClient, clock: ManualClock) -> tuple[Phone, Any]:
    text = client.get("/second").text
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", text)
    assert key
    phone = Phone(key[1].replace(" ", ""), clock)
    sent = {"form": hidden(text, "form"), "offer": hidden(text, "offer"), "password": PASSWORD, "do": "enrol"}
    wrong = client.post("/second", data=sent | {"code": "000"})
    assert wrong.status_code == 400
    assert key[1] in wrong.text  # a mistyped code keeps the key that the phone has read
    return phone, client.post("/second", data=sent | {"code": phone.code()})


def test_from_enrolling_to_the_next_login_in_a_browser(browser: Callable[..., tuple[Desk, TestClient]], clock: ManualClock) -> None:
    here, client = browser()
    person(here, "alice", Role.VIEWER)
    log_in(client, "alice")
    phone, answer = enrol_over_http(client, clock)
    codes = re.findall(r"(?:[a-z2-9]{5}-){4}[a-z2-9]{5}", answer.text)
    assert len(codes) == 10
    assert client.get("/").text == "inside"
    assert phone.key not in client.get("/second").text
    client.cookies.delete(COOKIE)
    clock.advance(30)
    answer = log_in(client, "alice", next="/incident?id=i1")
    assert answer.headers["location"] == "/login/code?next=/incident%3Fid%3Di1"
    assert COOKIE not in client.cookies
    assert client.get("/").status_code == 303
    page = client.get(answer.headers["location"]).text
    sent = {"form": hidden(page, "form"), "next": hidden(page, "next")}
    assert client.post("/login/code", data={"code": phone.code()}).status_code == 400
    wrong = client.post("/login/code", data=sent | {"code": "123"})
    assert wrong.status_code == 401
    assert hidden(wrong.text, "next") == "/incident?id=i1"
    answer = client.post("/login/code", data=sent | {"code": phone.code()})
    assert answer.headers["location"] == "/incident?id=i1"
    assert client.get("/").text == "inside"
    assert client.get("/login/code").status_code == 303


@pytest.mark.parametrize(("role", "is_led"), [(Role.AUDIT_ADMIN, True), (Role.SYSTEM_ADMIN, True), (Role.SECURITY_ADMIN, True), (Role.OPERATOR, False)])
def test_who_owes_a_second_factor_can_do_nothing_else_first(
    browser: Callable[..., tuple[Desk, TestClient]], clock: ManualClock, role: Role, is_led: bool
) -> None:
    here, client = browser(second_factor="administrators")
    account = person(here, "alice", role)
    token = here.tokens.make(account, "script", ["health.read"], timedelta(days=1), here.now())
    log_in(client, "alice")
    answer = client.get("/health")
    if not is_led:
        assert answer.text == "inside"
        return
    assert answer.headers["location"] == "/second"
    assert client.get("/api/v1/health").status_code == 403
    assert here.tokens.find(token, here.now()) is None
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream") as socket:
        socket.receive_text()
    _phone, answer = enrol_over_http(client, clock)
    assert answer.status_code == 200
    assert client.get("/health").text == "inside"
    assert here.tokens.find(token, here.now())


def test_a_changed_password_comes_before_the_second_factor(browser: Callable[..., tuple[Desk, TestClient]]) -> None:
    here, client = browser(second_factor="everybody")
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    password = here.identity.accounts.create(boss, "alice", "", "", here.now())
    log_in(client, "alice", password)
    assert client.get("/second").headers["location"] == "/password"


def test_a_session_and_a_token_are_of_no_use_from_a_forbidden_address(browser: Callable[..., tuple[Desk, TestClient]], desk_with: Open) -> None:
    here, client = browser(admin_addresses="10.9.0.0/24")
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    token = here.tokens.make(boss, "script", ["estate.read"], timedelta(days=1), here.now())
    log_in(client, "boss")
    assert client.get("/users").text == "inside"
    with TestClient(program(here), base_url="http://127.0.0.1:8600", follow_redirects=False, client=("10.8.0.5", 5000)) as other:
        other.cookies.set(COOKIE, client.cookies[COOKIE])
        assert other.get("/users").headers["location"].startswith("/login")
        with pytest.raises(WebSocketDisconnect), other.websocket_connect("/_stcore/stream") as socket:
            socket.receive_text()
        assert other.get("/api/v1/assets").status_code == 401
        assert other.get("/api/v1/assets", headers={"authorization": f"Bearer {token}"}).status_code == 403
        assert log_in(other, "boss").status_code == 401
    assert client.get("/api/v1/assets", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_the_pages_of_the_second_factor_are_closed_to_strangers(browser: Callable[..., tuple[Desk, TestClient]]) -> None:
    _here, client = browser()
    assert client.get("/second").headers["location"].startswith("/login")
    assert client.post("/second", data={"do": "off"}).headers["location"].startswith("/login")
    assert client.get("/login/code").headers["location"] == "/login"
    client.get("/login")
    assert client.post("/login/code", data={"form": client.cookies[door.FORM_COOKIE], "code": "123456"}).status_code == 401


def test_recovery_codes_are_long_enough_to_need_no_slow_hash() -> None:
    codes = new_recovery_codes()
    assert all(len(code.replace("-", "")) == 25 for code in codes)
