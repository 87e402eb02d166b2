"""Accounts of network devices, one configuration per dialect written for the case."""

from datetime import date

import pytest

from inventory.configuration.accounts import Account, accounts
from inventory.configuration.dialects import DIALECTS, dialect_of
from tests.inventory.configuration.devices import DIALECTS as SHIPPED
from tests.inventory.configuration.devices import device

TODAY = date(2026, 6, 1)

IOS = """\
hostname sw1
username zhang privilege 15 secret 9 $9$Hx
username li secret 9 $9$Hy
username li privilege 1
username wang view NOC secret 9 $9$Hz
ip ssh pubkey-chain
  username zhao
   key-hash ssh-rsa 0123456789ABCDEF
  username qian
   quit
banner motd ^C
username ghost privilege 15 secret x
^C
line vty 0 4
end
"""
XR = """\
hostname r1
username zhang
 group root-lr
 group cisco-support
 secret 10 $6$Hx
!
end
"""
EOS = """\
! device: leaf1 (DCS-7050, EOS-4.30.1F)
username zhang privilege 15 role network-admin secret sha512 $6$Hx
username li shell /sbin/nologin secret sha512 $6$Hy
no username admin
end
"""
NXOS = """\
version 9.3(8) Bios:version 05.45
feature ssh
username zhang password 5 $5$Hx role network-admin
username zhang role vdc-admin
username zhang passphrase  lifetime 99999 warntime 7 gracetime 3
username li password 5 !  role network-operator
username wang password 5 ! role network-operator
username wang sshkey ssh-rsa AAAAB3Nz
username zhao password 5 $5$Hz expire 2026-05-31 role network-operator
username qian password 5 $5$Hz expire 2026-06-01 role network-operator
"""
RUIJIE = """\
version RGOS 11.0(5)B9P66
username zhang password 7 0802
username zhang privilege 15
username li reject remote-login
end
"""
VRP = """\
!Software Version V200R019C10SPC500
#
 sysname s1
#
aaa
 local-aaa-user password policy administrator
 local-user authentication lock duration 5
 undo local-user admin
 local-user zhang password irreversible-cipher $1c$Hx
 local-user zhang privilege level 15
 local-user zhang service-type terminal ssh
 local-user li@default_admin password irreversible-cipher $1c$Hy
 local-user li@default_admin privilege level 3
 local-user li@default_admin state block
 local-user wang password cipher %^%#Hz
 local-user wang expire-date 2026/5/31
 local-user zhao password irreversible-cipher $1c$Hz
 local-user zhao service-type none
 local-user qian password simple x state block
#
ssh user sun
ssh user sun authentication-type rsa
ssh user zhang authentication-type password
#
return
"""
USG = """\
#
aaa
 manager-user password valid-days 90
 manager-user zhang
  password cipher @%@%Hx
  service-type web ssh
  level 15
 manager-user li
  password cipher @%@%Hy
  state block
 bind manager-user zhang role system-admin
#
user-manage user wang
 password *********
 expire-time 2026/05/01 00:00:00
 parent-group /default
user-manage user zhao domain vpn
 parent-group /vpn
#
security-policy
 default action deny
#
return
"""
COMWARE = """\
#
 version 7.1.070, Release 6348P01
#
 local-user zhang class manage
  password hash $h$6$Hx
  service-type ssh terminal
  authorization-attribute user-role network-admin
  authorization-attribute user-role network-operator
#
 local-user li class manage
  password hash $h$6$Hy
  service-type ssh
  state block
#
 local-user wang class manage
  password hash $h$6$Hz
  authorization-attribute user-role network-operator
#
 local-user zhao class network guest
  password cipher $c$3$Hz
  service-type lan-access
  validity-datetime from 2026/05/01 00:00:00 to 2026/06/15 23:59:59
#
 local-user qian
  password cipher $c$3$Hz
  service-type telnet
  authorization-attribute level 3
  expiration-date 23:59:59-05/31/2026
#
 ssh user sun service-type stelnet authentication-type publickey assign publickey sun
#
return
"""
FORTIOS = """\
#config-version=FGT100F-7.2.5-FW-build1517-230606:opmode=0:vdom=1:user=admin
config global
config system admin
    edit "zhang"
        set accprofile "super_admin"
        config gui-dashboard
            edit 1
                set name "Status"
            next
        end
        set password ENC SH2x
    next
end
end
config vdom
edit root
config user local
    edit "li"
        set type password
        set passwd ENC x
    next
    edit "wang"
        set status disable
        set type password
    next
end
end
"""
STONEOS = """\
Version 5.5R8
ip vrouter "trust-vr"
exit
admin user "zhang"
  password Hx
  role "admin"
  access ssh
exit
aaa-server "local" type local
  user "li"
    password Hy
  exit
exit
"""
JUNOS = """\
set version 21.4R3
set system host-name r1
set system root-authentication encrypted-password "$6$Hx"
set system login class NOC permissions view
set system login user zhang uid 2001
set system login user zhang class super-user
set system login user zhang authentication encrypted-password "$6$Hx"
set system login user li class NOC
set system login user li authentication encrypted-password "$6$Hy"
deactivate system login user li
set system login user remote class NOC
set system login user wang class NOC
set system login user wang authentication ssh-ed25519 "ssh-ed25519 AAAA wang"
set system login user zhao class NOC
set system login user zhao authentication encrypted-password "*"
set access profile VPN client qian firewall-user password "$9$Hx"
"""
ROUTEROS = """\
# 2026-05-01 10:00:00 by RouterOS 7.11
/user
add comment="name=ghost disabled=yes" group=full name=zhang
add address=10.0.0.0/8 disabled=yes group=read name=li
set [ find default=yes ] comment="was \\"admin\\"" group=write name="wang wei"
/ppp secret
add name=zhao password=*** profile=default service=l2tp
/ip hotspot user
add disabled=yes name=qian
"""
FRR = """\
frr version 8.4.4
frr defaults traditional
username zhang nopassword
line vty
end
"""


def short(one: Account) -> str:
    """``name@where: rights`` with "-" when it does not work on the day."""
    return f"{'' if one.works(TODAY) else '-'}{one.name}@{one.where}: {one.privilege}" + (" (network)" if one.use == "network" else "")


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (
            "ios",
            IOS,
            ["li@username: 1", "-qian@ip ssh pubkey-chain: ", "wang@username: ", "zhang@username: 15", "zhao@ip ssh pubkey-chain: "],
        ),
        ("ios", XR, ["zhang@username: root-lr+cisco-support"]),
        ("eos", EOS, ["-li@username: ", "zhang@username: 15+network-admin"]),
        (
            "nxos",
            NXOS,
            [
                "-li@username: network-operator",
                "qian@username: network-operator",
                "wang@username: network-operator",
                "zhang@username: network-admin+vdc-admin",
                "-zhao@username: network-operator",
            ],
        ),
        ("ruijie", RUIJIE, ["li@username: ", "zhang@username: 15"]),
        (
            "vrp",
            VRP,
            ["-li@default_admin@aaa: 3", "-qian@aaa: ", "sun@ssh: ", "-wang@aaa: ", "zhang@aaa: 15", "-zhang@ssh: ", "-zhao@aaa: "],
        ),
        ("usg", USG, ["-li@aaa: ", "-wang@user-manage: (network)", "zhang@aaa: 15+system-admin", "zhao@user-manage:  (network)"]),
        (
            "comware",
            COMWARE,
            [
                "-li@local-user: ",
                "-qian@local-user: 3",
                "sun@ssh: ",
                "-wang@local-user: network-operator",
                "zhang@local-user: network-admin+network-operator",
                "zhao@local-user:  (network)",
            ],
        ),
        ("fortios", FORTIOS, ["li@config user local:  (network)", "-wang@config user local:  (network)", "zhang@config system admin: super_admin"]),
        ("stoneos", STONEOS, ['li@aaa-server "local" type local:  (network)', "zhang@admin: admin"]),
        (
            "junos",
            JUNOS,
            ["-li@set: NOC", "qian@set:  (network)", "-remote@set: NOC", "wang@set: NOC", "zhang@set: super-user", "-zhao@set: NOC"],
        ),
        (
            "routeros",
            ROUTEROS,
            [
                "-li@/user: read",
                "-qian@/ip hotspot user:  (network)",
                "wang wei@/user: write",
                "zhang@/user: full",
                "zhao@/ppp secret:  (network)",
            ],
        ),
        ("frr", FRR, ["zhang@username: "]),
    ],
)
def test_accounts_of_each_dialect(dialect: str, text: str, expected: list[str]) -> None:
    found = accounts(text, DIALECTS[dialect])
    assert [short(one).replace(":  (", ": (") for one in found] == [line.replace(":  (", ": (") for line in expected]
    assert "H" not in "".join(f"{one.name}{one.where}{one.privilege}" for one in found)  # every hash above has one


@pytest.mark.parametrize("dialect", [name for name in SHIPPED if name != "frr"])
def test_the_administrators_of_the_shipped_configurations_are_found(dialect: str) -> None:
    found = accounts(device(dialect), dialect_of(device(dialect)))
    assert "netops" in {one.name for one in found if one.works(TODAY)}
    assert not {one.name for one in found} - {"netops", "auditor", "audit-admin"}


def test_one_account_in_several_lines_closed_in_one_of_them_is_closed() -> None:
    text = "aaa\n local-user a password cipher x\n local-user a state block\n local-user a service-type ssh\nreturn\n"
    (one,) = accounts(text, DIALECTS["vrp"])
    assert not one.is_enabled


def test_a_day_that_the_calendar_does_not_know_ends_nothing() -> None:
    (one,) = accounts("aaa\n local-user a password cipher x\n local-user a expire-date 2026/2/31\nreturn\n", DIALECTS["vrp"])
    assert (one.until, one.works(TODAY)) == (None, True)


def test_names_are_compared_without_case_and_domain() -> None:
    (one,) = accounts("aaa\n local-user Zhang@corp password cipher x\nreturn\n", DIALECTS["vrp"])
    assert one.is_called("zhang")
    assert one.is_called("ZHANG@corp")
    assert not one.is_called("zhan")
    assert not one.is_called("corp")


def test_a_text_made_to_hurt_is_read_in_time_and_cut() -> None:
    text = "/user\n" + "add " + '"' * 20_001 + " name=" + "a" * 5_000 + "\n" + "add comment=" + "x " * 20_000 + "name=b disabled=yes\n"
    found = accounts(text, DIALECTS["routeros"])
    assert all(len(one.name) <= 128 for one in found)
    assert not next(one for one in found if one.name == "b").is_enabled
