"""Roles and the rights they give. The three administrators of graded protection are separate: nobody holds two.

System administrators make accounts, security administrators grant roles, audit administrators read the audit
(GB/T 22239-2019 8.1.5.1 to 8.1.5.3). Nobody edits the roles of their own account.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

from console.i18n import _
from core.errors import Refused


class Role(StrEnum):
    """What a person is to the product."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    DUTY_LEADER = "duty_leader"
    SECURITY_OFFICER = "security_officer"
    SYSTEM_ADMIN = "system_admin"
    SECURITY_ADMIN = "security_admin"
    AUDIT_ADMIN = "audit_admin"


class Right(StrEnum):
    """What a page or an action asks for."""

    ESTATE_READ = "estate.read"
    ASSET_WRITE = "asset.write"
    INCIDENT_READ = "incident.read"
    INCIDENT_ACT = "incident.act"
    MUTE_WRITE = "mute.write"
    ALERT_PUSH = "alert.push"
    EVENTS_READ = "events.read"
    COMPLIANCE_READ = "compliance.read"
    COMPLIANCE_ANSWER = "compliance.answer"
    RESTRICTED_EXPORT = "restricted.export"
    HEALTH_READ = "health.read"
    ACCOUNT_READ = "account.read"
    ACCOUNT_WRITE = "account.write"
    ROLE_GRANT = "role.grant"
    AUDIT_READ = "audit.read"
    SETTINGS_READ = "settings.read"
    PLAYBOOK_READ = "playbook.read"
    PLAYBOOK_RUN = "playbook.run"
    TASK_DO = "task.do"
    SET_UP = "set_up"


ADMINISTRATORS: Final = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
_WATCH: Final = frozenset({Right.ESTATE_READ, Right.INCIDENT_READ, Right.EVENTS_READ, Right.COMPLIANCE_READ, Right.HEALTH_READ, Right.PLAYBOOK_READ})
_PART: Final = frozenset({Right.PLAYBOOK_READ, Right.TASK_DO})
_ACT: Final = _WATCH | {Right.INCIDENT_ACT, Right.MUTE_WRITE, Right.ALERT_PUSH, Right.PLAYBOOK_RUN, Right.TASK_DO}

RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.VIEWER: _WATCH,
    Role.OPERATOR: _ACT | {Right.ASSET_WRITE},
    Role.DUTY_LEADER: _ACT | {Right.ASSET_WRITE},
    Role.SECURITY_OFFICER: _ACT | {Right.COMPLIANCE_ANSWER},
    Role.SYSTEM_ADMIN: _PART
    | {Right.ALERT_PUSH, Right.ESTATE_READ, Right.ASSET_WRITE, Right.HEALTH_READ, Right.SETTINGS_READ, Right.ACCOUNT_READ, Right.ACCOUNT_WRITE},
    Role.SECURITY_ADMIN: _PART
    | {Right.ESTATE_READ, Right.HEALTH_READ, Right.SETTINGS_READ, Right.ACCOUNT_READ, Right.ROLE_GRANT, Right.COMPLIANCE_READ, Right.COMPLIANCE_ANSWER}
    | {Right.RESTRICTED_EXPORT},
    Role.AUDIT_ADMIN: _PART | {Right.AUDIT_READ, Right.COMPLIANCE_READ, Right.HEALTH_READ},
}
FOUNDER: Final = frozenset({Right.SET_UP, Right.AUDIT_READ, Right.ACCOUNT_READ, Right.SETTINGS_READ})
"""What the first account may do beside its role until the three administrators are appointed; see docs/decisions/0004-first-account.md."""


def rights_of(roles: Collection[str], *, is_founder: bool = False) -> frozenset[Right]:
    """The union of what the roles give; unknown roles give nothing."""
    granted = [RIGHTS[Role(role)] for role in roles if role in set(Role)]
    return frozenset().union(*granted, FOUNDER if is_founder else frozenset())


def check_roles(roles: Collection[str]) -> tuple[Role, ...]:
    """The roles in a fixed order; raises Refused for unknown ones and for two administrators in one person."""
    unknown = sorted(set(roles) - set(Role))
    if unknown:
        raise Refused(_("{role} is no role; there are {roles}").format(role=unknown[0], roles=", ".join(Role)))
    chosen = tuple(role for role in Role if role in roles)
    if len(ADMINISTRATORS & set(chosen)) > 1:
        raise Refused(_("system, security and audit administrator are separate: one person may hold one of the three"))
    return chosen
