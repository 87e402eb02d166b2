from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.desk import Desk
from console.identity.accounts import Account
from console.identity.bootstrap import FIRST, appoint, ensure_admin
from console.identity.passwords import check_policy, one_time_password, verify
from console.identity.roles import ADMINISTRATORS, RIGHTS, Right, Role, check_roles, rights_of
from core.clock import ManualClock
from core.errors import Refused, StoreAway
from core.names import ACCOUNT, SESSION, TOKEN
from core.secrets import token_id
from core.settings import ConsoleSettings
from tests.console.conftest import PASSWORD, person

POLICY = ConsoleSettings()


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Short-1a", "at least 12"),
        ("all small letters", "three of"),
        ("Alice-rules-42", "account's name"),
        ("Password1234!", "well-known"),
        ("Aa1!Aa1!Aa1!", "too few different"),
        ("x" * 300, "at most 256"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        check_policy(password, "alice", (), POLICY)


def test_a_good_password_passes_and_one_of_the_last_five_does_not(here: Desk) -> None:
    account = person(here, "alice", Role.VIEWER)
    with pytest.raises(Refused, match="used before"):
        here.identity.accounts.change_password(account, PASSWORD, here.now())
    assert here.identity.accounts.change_password(account, "Evening-tower-8-snow", here.now()).history[0] == account.secret


def test_the_stored_hash_is_argon2id_and_no_answer_shows_it(here: Desk) -> None:
    account = person(here, "alice", Role.VIEWER)
    assert account.secret.startswith("$argon2id$")
    assert "argon2" not in str(account.public()) + repr(account)
    assert verify(account.secret, PASSWORD)
    assert not verify(account.secret, PASSWORD + "x")
    assert not verify(None, PASSWORD)


def test_one_time_passwords_differ_and_satisfy_no_guessing() -> None:
    made = {one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert all(len(each) == 19 for each in made)


def test_five_wrong_passwords_lock_the_account_for_half_an_hour(here: Desk, clock: ManualClock) -> None:
    person(here, "alice", Role.VIEWER)
    for _ in range(POLICY.lock_after):
        with pytest.raises(Refused):
            here.identity.log_in("alice", "wrong", "10.0.0.1", here.now())
    with pytest.raises(Refused):
        here.identity.log_in("alice", PASSWORD, "10.0.0.1", here.now())
    clock.advance(POLICY.lock_minutes * 60 + 1)
    assert here.identity.log_in("alice", PASSWORD, "10.0.0.1", here.now())
    actions = [entry.action for entry in here.store.audit.read(actor="alice")]
    assert actions.count("login.refused") == 6
    assert "login.locked" in actions
    assert actions[-1] == "login"


def test_a_right_password_forgives_earlier_wrong_ones(here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    for _ in range(3):
        for _wrong in range(POLICY.lock_after - 1):
            with pytest.raises(Refused):
                here.identity.log_in("alice", "wrong", "", here.now())
        assert here.identity.log_in("Alice ", PASSWORD, "", here.now())


def test_unknown_closed_and_wrong_all_get_the_same_answer(here: Desk) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    person(here, "alice", Role.VIEWER)
    person(here, "bob", Role.VIEWER)
    here.identity.accounts.disable(boss, "bob", here.now())
    answers = set()
    for name, password in (("alice", "wrong"), ("bob", PASSWORD), ("nobody", PASSWORD)):
        with pytest.raises(Refused) as refused:
            here.identity.log_in(name, password, "", here.now())
        answers.add(str(refused.value))
    assert len(answers) == 1


def test_a_session_ends_when_idle_and_when_it_is_too_old(here: Desk, clock: ManualClock) -> None:
    person(here, "alice", Role.VIEWER)
    token = here.identity.log_in("alice", PASSWORD, "", here.now())
    clock.advance(14 * 60)
    assert here.identity.sessions.find(token, here.now(), touch=True)
    clock.advance(14 * 60)
    assert here.identity.sessions.find(token, here.now())
    clock.advance(2 * 60)
    assert here.identity.sessions.find(token, here.now()) is None
    token = here.identity.log_in("alice", PASSWORD, "", here.now())
    for _ in range(8 * 6):
        clock.advance(600)
        found = here.identity.sessions.find(token, here.now(), touch=True)
    assert found is not None
    clock.advance(10)
    assert here.identity.sessions.find(token, here.now(), touch=True) is None


def test_looking_without_touching_keeps_no_session_alive(here: Desk, clock: ManualClock) -> None:
    person(here, "alice", Role.VIEWER)
    token = here.identity.log_in("alice", PASSWORD, "", here.now())
    for _ in range(16):
        clock.advance(60)
        found = here.identity.sessions.find(token, here.now())
    assert found is None


def test_the_store_holds_only_the_hash_of_a_token(here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    token = here.identity.log_in("alice", PASSWORD, "", here.now())
    documents = here.store.documents.find(SESSION).items
    assert [document.id for document in documents] == [token_id(token)]
    assert token not in str(documents)


def test_closing_an_account_ends_its_sessions(here: Desk, clock: ManualClock) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    person(here, "alice", Role.VIEWER)
    token = here.identity.log_in("alice", PASSWORD, "", here.now())
    here.identity.accounts.disable(boss, "alice", here.now())
    clock.advance(3)
    assert here.identity.sessions.find(token, here.now()) is None


def test_changing_the_password_ends_every_other_session(here: Desk, clock: ManualClock) -> None:
    person(here, "alice", Role.VIEWER)
    first = here.identity.log_in("alice", PASSWORD, "", here.now())
    second = here.identity.log_in("alice", PASSWORD, "", here.now())
    fresh = here.identity.change_password(first, PASSWORD, "Evening-tower-8-snow", "", here.now())
    clock.advance(3)
    living = [here.identity.sessions.find(token, here.now()) is not None for token in (first, second, fresh)]
    assert living == [False, False, True]


def test_guessing_the_old_password_in_an_open_session_locks_too(here: Desk) -> None:
    person(here, "alice", Role.VIEWER)
    token = here.identity.log_in("alice", PASSWORD, "", here.now())
    for _ in range(POLICY.lock_after):
        with pytest.raises(Refused):
            here.identity.change_password(token, "wrong", "Evening-tower-8-snow", "", here.now())
    assert here.identity.accounts.get("alice").is_locked(here.now())


def test_a_password_that_is_too_old_must_be_changed(here: Desk) -> None:
    account = person(here, "alice", Role.VIEWER)
    assert not account.needs_new_password(here.now() + timedelta(days=89), POLICY)
    assert account.needs_new_password(here.now() + timedelta(days=91), POLICY)
    never = POLICY.model_copy(update={"password_days": 0})
    assert not account.needs_new_password(here.now() + timedelta(days=9000), never)


@pytest.mark.parametrize("pair", [(Role.SYSTEM_ADMIN, Role.AUDIT_ADMIN), (Role.SECURITY_ADMIN, Role.AUDIT_ADMIN), (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN)])
def test_nobody_holds_two_of_the_three_administrators(pair: tuple[Role, Role]) -> None:
    with pytest.raises(Refused, match="separate"):
        check_roles(pair)
    assert check_roles((Role.VIEWER, pair[0])) == tuple(role for role in Role if role in (Role.VIEWER, pair[0]))


def test_the_administrators_rights_do_not_overlap() -> None:
    powers = {Right.ACCOUNT_WRITE: Role.SYSTEM_ADMIN, Right.ROLE_GRANT: Role.SECURITY_ADMIN, Right.AUDIT_READ: Role.AUDIT_ADMIN}
    for right, owner in powers.items():
        assert [role for role in Role if right in RIGHTS[role]] == [owner]
    assert not any(Right.INCIDENT_ACT in RIGHTS[role] for role in ADMINISTRATORS)


def test_unknown_roles_give_nothing_and_cannot_be_granted() -> None:
    assert rights_of(("root", "*")) == frozenset()
    with pytest.raises(Refused, match="is no role"):
        check_roles(("viewer", "*"))


def _attempts(here: Desk, me: Account) -> dict[str, Any]:
    accounts, now = here.identity.accounts, here.now()
    return {
        "create": lambda: accounts.create(me, "newcomer", "", "", now),
        "grant": lambda: accounts.grant(me, "victim", (Role.OPERATOR,), now),
        "disable": lambda: accounts.disable(me, "victim", now),
        "reset": lambda: accounts.reset(me, "victim", now),
    }


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_to_accounts_exactly_what_it_should(here: Desk, role: Role) -> None:
    person(here, "victim", Role.VIEWER)
    me = person(here, "me", role)
    allowed = {Role.SYSTEM_ADMIN: {"create", "disable", "reset"}, Role.SECURITY_ADMIN: {"grant"}}.get(role, set())
    for name, attempt in _attempts(here, me).items():
        if name in allowed:
            attempt()
            continue
        with pytest.raises(Refused):
            attempt()


def test_nobody_changes_the_roles_or_the_state_of_their_own_account(here: Desk) -> None:
    security, system = person(here, "sec", Role.SECURITY_ADMIN), person(here, "sys", Role.SYSTEM_ADMIN)
    with pytest.raises(Refused, match="own account"):
        here.identity.accounts.grant(security, "sec", (Role.OPERATOR,), here.now())
    with pytest.raises(Refused, match="own account"):
        here.identity.accounts.reset(system, "sys", here.now())


@pytest.mark.parametrize("name", ["", "A", "x", "-a", "a" * 40, "a b", "a/b", "root*", "Ünal"])
def test_odd_names_are_refused(here: Desk, name: str) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    with pytest.raises(Refused, match="begins with a letter"):
        here.identity.accounts.create(boss, name, "", "", here.now())


def test_a_name_is_given_once(here: Desk) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    with pytest.raises(Refused, match="already"):
        here.identity.accounts.create(boss, "Boss", "", "", here.now())


def test_the_first_account_gets_a_new_one_time_password_until_it_is_used(here: Desk) -> None:
    first, second = ensure_admin(here.store, now=here.now()), ensure_admin(here.store, now=here.now())
    assert first
    assert second
    assert first != second
    token = here.identity.log_in(FIRST, second, "", here.now())
    here.identity.change_password(token, second, PASSWORD, "", here.now())
    assert ensure_admin(here.store, now=here.now()) is None


def test_the_first_account_can_act_and_look_but_grant_nothing(here: Desk) -> None:
    ensure_admin(here.store, now=here.now())
    first = here.identity.accounts.get(FIRST)
    assert {Right.INCIDENT_ACT, Right.AUDIT_READ, Right.SET_UP} <= first.rights
    assert not {Right.ROLE_GRANT, Right.ACCOUNT_WRITE} & first.rights


def test_appointing_the_administrators_ends_what_was_held_in_trust(here: Desk) -> None:
    founder = person(here, "admin", Role.DUTY_LEADER, is_founder=True)
    names = {Role.SYSTEM_ADMIN: "sys", Role.SECURITY_ADMIN: "sec", Role.AUDIT_ADMIN: "aud"}
    passwords = appoint(here.identity.accounts, founder, {str(k): v for k, v in names.items()}, here.now())
    assert sorted(passwords) == ["aud", "sec", "sys"]
    assert here.identity.accounts.get("aud").roles == (Role.AUDIT_ADMIN,)
    after = here.identity.accounts.get("admin")
    assert after.roles == (Role.DUTY_LEADER,)
    assert not {Right.SET_UP, Right.AUDIT_READ} & after.rights
    with pytest.raises(Refused, match="already"):
        appoint(here.identity.accounts, after, {"system_admin": "x1", "security_admin": "x2", "audit_admin": "x3"}, here.now())


@pytest.mark.parametrize("names", [("a1", "a1", "a2"), ("admin", "a1", "a2"), ("", "a1", "a2")])
def test_three_administrators_are_three_other_persons(here: Desk, names: tuple[str, str, str]) -> None:
    founder = person(here, "admin", Role.DUTY_LEADER, is_founder=True)
    chosen = dict(zip(("system_admin", "security_admin", "audit_admin"), names, strict=True))
    with pytest.raises(Refused):
        appoint(here.identity.accounts, founder, chosen, here.now())
    assert here.identity.accounts.get("admin").is_founder


def test_a_token_does_at_most_what_its_account_may_and_ends(here: Desk, clock: ManualClock) -> None:
    boss, me = person(here, "boss", Role.SECURITY_ADMIN), person(here, "alice", Role.OPERATOR)
    with pytest.raises(Refused, match=r"audit\.read"):
        here.tokens.make(me, "grafana", ["audit.read"], timedelta(days=1), here.now())
    with pytest.raises(Refused, match="366"):
        here.tokens.make(me, "grafana", ["incident.read"], timedelta(days=900), here.now())
    token = here.tokens.make(me, "grafana", ["incident.read", "incident.act"], timedelta(days=1), here.now())
    assert token not in str(here.store.documents.find(TOKEN).items)
    grant = here.tokens.find(token, here.now())
    assert grant is not None
    assert grant.rights == {Right.INCIDENT_READ, Right.INCIDENT_ACT}
    here.identity.accounts.grant(boss, "alice", (Role.VIEWER,), here.now())
    weaker = here.tokens.find(token, here.now())
    assert weaker is not None
    assert weaker.rights == {Right.INCIDENT_READ}
    clock.advance(86_401)
    assert here.tokens.find(token, here.now()) is None


def test_a_revoked_token_is_dead_and_only_its_owner_revokes_it(here: Desk) -> None:
    me, other = person(here, "alice", Role.OPERATOR), person(here, "bob", Role.OPERATOR)
    token = here.tokens.make(me, "script", ["incident.read"], timedelta(days=1), here.now())
    (grant,) = here.tokens.of("alice")
    with pytest.raises(Refused, match="somebody else"):
        here.tokens.revoke(other, grant.id, here.now())
    here.tokens.revoke(me, grant.id, here.now())
    assert here.tokens.find(token, here.now()) is None


def test_without_an_audit_entry_nothing_happens(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = person(here, "boss", Role.SYSTEM_ADMIN)
    person(here, "alice", Role.VIEWER)

    def fail(**_: Any) -> None:
        raise StoreAway("the disk is full")

    monkeypatch.setattr(here.store.audit, "append", fail)
    before = {document.id: document.body for document in here.store.documents.find(ACCOUNT).items}
    for attempt in (
        lambda: here.identity.accounts.create(boss, "newcomer", "", "", here.now()),
        lambda: here.identity.accounts.disable(boss, "alice", here.now()),
        lambda: here.identity.accounts.reset(boss, "alice", here.now()),
        lambda: here.identity.log_in("alice", PASSWORD, "", here.now()),
    ):
        with pytest.raises(StoreAway):
            attempt()
    assert {document.id: document.body for document in here.store.documents.find(ACCOUNT).items} == before
    assert here.store.documents.find(SESSION).items == ()


def test_a_closed_account_has_no_rights() -> None:
    open_one = Account(name="x", roles=(Role.DUTY_LEADER,))
    assert open_one.rights
    assert not replace(open_one, disabled=True).rights
