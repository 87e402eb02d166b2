"""Accounts that a configuration defines: whose, with which rights, and whether they still let anybody in. Pure; a secret is never taken over.

The words of the dialects come from the vendors' command references; what a text does not say (accounts of a directory or an AAA server) is not here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from inventory.configuration.blocks import Block, parse
from inventory.configuration.dialects import Dialect

Pattern = re.Pattern[str]
Use = Literal["device", "network"]
LONGEST: Final = 128
_ANY: Final = re.compile("")
_NEVER: Final = re.compile(r"(?!)")
_NAME: Final = r'(?P<name>"(?:[^"\\]|\\.)*"|\S+)'
_DATE: Final = re.compile(r"\b(?:(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})|(?P<m2>\d{1,2})/(?P<d2>\d{1,2})/(?P<y2>\d{4}))\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account. ``where`` is the part of the configuration that defines it, ``privilege`` the rights in the device's own words (several parted by "+").

    ``use`` is "network" for accounts that let somebody into the network (dial-in, VPN, portal) and not onto the device.
    ``until`` is the last day on which the device lets it in, when the configuration names one.
    """

    name: str
    where: str
    privilege: str = ""
    use: Use = "device"
    is_enabled: bool = True
    until: date | None = None

    def works(self, today: date) -> bool:
        """Whether it lets somebody in on that day."""
        return self.is_enabled and (self.until is None or today <= self.until)

    def is_called(self, name: str) -> bool:
        """Whether a person's login name is this account: in any case of letters, with or without the domain behind the @."""
        return name.lower() in {self.name.lower(), self.name.lower().partition("@")[0]}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How a dialect writes accounts. ``account`` is looked for in lines below a line that ``under`` fits.

    The other patterns see that line without the name, and each line below it.

    ``needs`` must be seen in one of the lines of an account, else nobody can log in with it; ``ends`` marks the lines that name a last day.
    """

    account: Pattern
    under: Pattern = re.compile(r"^$")
    use: Use = "device"
    privilege: Pattern = _NEVER
    closed: Pattern = _NEVER
    needs: Pattern = _ANY
    ends: Pattern = _NEVER


def _form(account: str, under: str = "^$", use: Use = "device", **more: str) -> _Form:
    return _Form(account=re.compile(account), under=re.compile(under), use=use, **{key: re.compile(text) for key, text in more.items()})


_NO_LOGIN: Final = r"^username .*\bshell /\S*(?:nologin|false)\b"
_NOT_NONE: Final = r"(?!\"?[!*]\"?(?: |$))"
_CISCO: Final = (
    _form(
        rf"^user-?name {_NAME}",
        privilege=r"\b(?:privilege|role|group) (\S+)",
        closed=_NO_LOGIN,
    ),
    _form(rf"^username {_NAME}$", under="^ip ssh pubkey-chain$", needs=r"^key-(?:string|hash)\b"),
)
_NEXUS: Final = (
    _form(
        rf"^username {_NAME} ",
        privilege=r"\brole (\S+)",
        needs=rf"\b(?:password (?:\d )?+{_NOT_NONE}\S|sshkey |ssh-cert-dn )",
        ends=r"\bexpire \d",
    ),
)
_WORDS: Final = (
    "password|privilege|level|service-type|state|user-group|user-type|expire-date|expire|access-limit|idle-timeout|idle-cut|device-type|time-range"
    "|ftp-directory|http-directory"
)
_KEYS: Final = _form(rf"^ssh user {_NAME} ", needs=r"\bauthentication-type (?!password\b)\S")
_HUAWEI: Final = (
    _form(
        rf"^local-user {_NAME} (?:{_WORDS})\b",
        under=r"^(?:aaa)?$",
        privilege=r"^local-user (?:.* )?(?:privilege level|level|user-group) (\S+)",
        closed=r"^local-user (?:(?:.* )?state block\b|service-type none$)",
        ends=r"^local-user (?:.* )?(?:expire-date|expire) \d",
    ),
    _KEYS,
)
_GATEWAY: Final = (
    *_HUAWEI,
    _form(
        rf"^(?:bind )?manager-user {_NAME}(?: role \S+)?$",
        under=r"^(?:aaa)?$",
        privilege=r"(?:^level|\brole) (\S+)",
        closed=r"^state block\b",
    ),
    _form(rf"^user-manage user {_NAME}(?: domain \S+)?$", use="network", closed=r"^state block\b", ends=r"^expire-time \d"),
)
_LOCAL_USER: Final = {
    "privilege": r"^(?:authorization-attribute (?:.* )?(?:user-role|level)|level) (\S+)",
    "closed": r"^state block\b",
    "needs": r"^service-type ",
    "ends": r"^(?:validity-datetime .*\bto \d|expiration-date )",
}
_H3C: Final = (
    _form(rf"^local-user {_NAME}(?: class manage)?$", use="device", **_LOCAL_USER),
    _form(rf"^local-user {_NAME} class network(?: guest)?$", use="network", **_LOCAL_USER),
    _KEYS,
)
_FORTINET: Final = (
    _form(rf"^edit {_NAME}$", under="^config system admin$", privilege=r"^set accprofile (.+)"),
    _form(rf"^edit {_NAME}$", under="^config user local$", use="network", closed=r"^set status disable$"),
)
_HILLSTONE: Final = (
    _form(rf"^admin user {_NAME}$", privilege=r"^role (.+)"),
    _form(rf"^user {_NAME}$", under=r"^aaa-server .* type local$", use="network"),
)
_FLAT: Final = r"^(?:set|deactivate)(?: groups \S+)?"
_JUNIPER: Final = (
    _form(
        rf"{_FLAT} system login user {_NAME}",
        privilege=r"^set .*\bclass (\S+)",
        closed=r"^deactivate (?:groups \S+ )?system login user(?: authentication)?$",
        needs=rf"^set .*\bauthentication (?:encrypted-password {_NOT_NONE}\S|ssh-)",
    ),
    _form(rf"{_FLAT} access profile \S+ client {_NAME}", use="network", closed=r"^deactivate (?:groups \S+ )?access profile \S+ client$"),
)
_QUOTED: Final = r'(?:[^"]|"(?:[^"\\]|\\.)*")*?'
"""Text in which quotes are whole: what a comment says is no setting."""


def _mikrotik(section: str, use: Use) -> tuple[_Form, _Form]:
    how = {"privilege": rf"^{_QUOTED}\bgroup=(\S+)", "closed": rf"^{_QUOTED} disabled=yes\b"}
    line = rf"(?:add|set) {_QUOTED}\bname={_NAME}"
    return _form(f"^{line}", under=f"^{section}$", use=use, **how), _form(f"^{section} {line}", use=use, **how)


_FORMS: Final[Mapping[str, Sequence[_Form]]] = {
    "ios": _CISCO,
    "eos": _CISCO,
    "asa": _CISCO,
    "ruijie": _CISCO,
    "frr": _CISCO,
    "nxos": _NEXUS,
    "vrp": _HUAWEI,
    "usg": _GATEWAY,
    "comware": _H3C,
    "fortios": _FORTINET,
    "stoneos": _HILLSTONE,
    "junos": _JUNIPER,
    "routeros": (*_mikrotik("/user", "device"), *_mikrotik("/ppp secret", "network"), *_mikrotik("/ip hotspot user", "network")),
}


def accounts(text: str, dialect: Dialect) -> list[Account]:
    """The accounts of a configuration, in the order of their names; whether the text is whole is the reader's to know."""
    said: dict[tuple[int, str], tuple[str, list[str]]] = defaultdict(lambda: ("", []))
    forms = _FORMS.get(dialect.name, ())
    for above, block in _placed(parse(text, dialect)):
        for number, form in enumerate(forms):
            if form.under.search(above) and (found := form.account.search(block.text)):
                line = " ".join((block.text[: found.start("name")] + block.text[found.end("name") :]).split())
                lines = [line, *(inside for depth, inside in block.walk() if depth)]
                where, before = said[number, _bare(found["name"])]
                said[number, _bare(found["name"])] = (where or above or block.text[: found.start("name")].split()[0], [*before, *lines])
    made = (_account(name, where, forms[number], lines) for (number, name), (where, lines) in said.items())
    return sorted(made, key=lambda one: (one.name, one.where))


def _placed(blocks: Sequence[Block], above: str = "") -> Iterator[tuple[str, Block]]:
    """(the line above, block) of every line that commands something."""
    for block in blocks:
        yield above, block
        if not block.is_banner:
            yield from _placed(block.inside, block.text)


def _account(name: str, where: str, form: _Form, lines: Sequence[str]) -> Account:
    rights = dict.fromkeys(_bare(found[1]) for line in lines for found in form.privilege.finditer(line))
    days = [day for line in lines if form.ends.search(line) and (day := _last_day(line))]
    return Account(
        name=name[:LONGEST],
        where=where[:LONGEST],
        privilege="+".join(rights)[:LONGEST],
        use=form.use,
        is_enabled=any(form.needs.search(line) for line in lines) and not any(form.closed.search(line) for line in lines),
        until=max(days, default=None),
    )


def _last_day(line: str) -> date | None:
    """The last date in a line; None where there is none that the calendar knows."""
    try:
        *_, found = _DATE.finditer(line)
        return date(int(found["y"] or found["y2"]), int(found["m"] or found["m2"]), int(found["d"] or found["d2"]))
    except ValueError:
        return None


def _bare(text: str) -> str:
    return text.strip().removeprefix('"').removesuffix('"')
