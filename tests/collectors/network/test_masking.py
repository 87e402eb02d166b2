"""Secrets of every vendor's configuration are blanked, and nothing else is."""

import pytest

from collectors.network.masking import masked

# what a device shows -> what may be stored; SECRET stands wherever a secret is
LINES = {
    "ios": """
enable secret 9 SECRET
enable password level 15 7 SECRET
username admin privilege 15 password 0 SECRET
username admin privilege 15 secret 5 SECRET
username admin secret SECRET
snmp-server community SECRET RO 10
snmp-server host 10.0.0.1 version 2c SECRET
snmp-server host 10.0.0.1 SECRET
snmp-server host 10.0.0.1 traps version 2c SECRET
snmp-server user nms NMS v3 auth sha SECRET priv aes 128 SECRET
tacacs-server host 10.0.0.1 key 7 SECRET
tacacs-server key SECRET
radius-server host 10.0.0.1 auth-port 1812 acct-port 1813 key 7 SECRET
 key 7 SECRET
 key SECRET
 key-string 7 SECRET
 server-private 10.0.0.1 key 7 SECRET
 ip ospf message-digest-key 1 md5 7 SECRET
 ip ospf authentication-key 7 SECRET
 neighbor 10.0.0.2 password 7 SECRET
 isis password SECRET
 area-password SECRET
ntp authentication-key 1 md5 SECRET 7
crypto isakmp key SECRET address 10.0.0.1
crypto isakmp key 6 SECRET address 10.0.0.1
 pre-shared-key SECRET
 pre-shared-key address 10.0.0.1 key SECRET
 ppp chap password 0 SECRET
 ppp pap sent-username u password 7 SECRET
 standby 1 authentication SECRET
 standby 1 authentication md5 key-string 7 SECRET
 wpa-psk ascii 0 SECRET
""",
    "nxos": """
username admin password 5 SECRET role network-admin
snmp-server user admin network-admin auth md5 SECRET priv SECRET localizedkey
snmp-server user nms network-operator auth sha SECRET priv aes-128 SECRET localizedkey
snmp-server community SECRET group network-operator
snmp-server host 10.0.0.1 traps version 2c SECRET
tacacs-server host 10.0.0.1 key 7 "SECRET"
feature-set password SECRET
""",
    "asa": """
enable password SECRET pbkdf2
passwd SECRET encrypted
username a password SECRET encrypted privilege 15
snmp-server host inside 10.0.0.1 community SECRET version 2c
 ikev1 pre-shared-key SECRET
 ikev2 remote-authentication pre-shared-key SECRET
 key SECRET
""",
    "ruijie": """
enable secret 5 SECRET
enable service password-encryption
username a password 7 SECRET
snmp-server community 7 SECRET rw
snmp-server user nms NMS v3 encrypted auth sha SECRET priv aes128 SECRET
radius-server key 7 SECRET
 security wpa psk set-key ascii SECRET
""",
    "vrp": """
 local-user a password irreversible-cipher SECRET
 local-user a password cipher SECRET
 local-user a password simple SECRET
super password level 3 cipher SECRET
snmp-agent community read cipher SECRET
snmp-agent community write SECRET
snmp-agent target-host trap address udp-domain 10.0.0.1 params securityname SECRET v2c
snmp-agent target-host trap address udp-domain 10.0.0.1 params securityname cipher SECRET v2c
snmp-agent usm-user v3 nms authentication-mode sha cipher SECRET
snmp-agent usm-user v3 nms authentication-mode sha SECRET privacy-mode aes128 SECRET
snmp-agent usm-user v3 nms privacy-mode aes128 cipher SECRET
 hwtacacs-server shared-key cipher SECRET
 radius-server shared-key cipher SECRET
 ospf authentication-mode md5 1 cipher SECRET
 ospf authentication-mode hmac-sha256 1 cipher SECRET
 ospf authentication-mode simple cipher SECRET
 vrrp vrid 1 authentication-mode simple SECRET
 vrrp vrid 1 authentication-mode md5 SECRET
 isis authentication-mode md5 cipher SECRET
 peer 10.0.0.2 password cipher SECRET
 pre-shared-key SECRET
 pre-shared-key cipher SECRET
 set authentication password cipher SECRET
ntp-service authentication-keyid 1 authentication-mode md5 cipher SECRET
 security wpa2 psk pass-phrase SECRET aes
  password cipher SECRET
 ssl policy x
""",
    "comware": """
 password hash SECRET
 password simple SECRET
 super password role network-admin hash SECRET
 snmp-agent community read simple SECRET
 snmp-agent community write SECRET
 snmp-agent target-host trap address udp-domain 10.0.0.1 params securityname SECRET v2c
 snmp-agent usm-user v3 nms g simple authentication-mode sha SECRET privacy-mode aes128 SECRET
 snmp-agent usm-user v3 nms g cipher authentication-mode sha SECRET privacy-mode aes128 SECRET
 key authentication cipher SECRET
 key accounting simple SECRET
 primary authentication 10.0.0.1 key cipher SECRET
 ospf authentication-mode md5 1 cipher SECRET
 ntp-service authentication-keyid 1 authentication-mode md5 cipher SECRET
 preshared-key pass-phrase cipher SECRET
 pre-shared-key address 10.0.0.1 key cipher SECRET
""",
    "junos": """
set system root-authentication encrypted-password "SECRET"
set system login user a authentication encrypted-password "SECRET"
set snmp community SECRET authorization read-only
set system radius-server 10.0.0.1 secret "SECRET"
set protocols bgp group g authentication-key "SECRET"
set security ike policy p pre-shared-key ascii-text "SECRET"
set protocols ospf area 0 interface ge-0/0/0 authentication simple-password "SECRET"
        encrypted-password "SECRET"; ## SECRET-DATA
""",
    "fortios": """
        set password ENC SECRET
        set passwd ENC SECRET
        set psksecret ENC SECRET
        set passphrase ENC SECRET
        set auth-pwd ENC SECRET
        set priv-pwd ENC SECRET
        set secret ENC SECRET
        set key ENC SECRET
        set password "SECRET"
""",
    "stoneos": """
  password SECRET
snmp-server community SECRET ro
  psk SECRET
tacacs-server key SECRET
""",
    "routeros": """
add name=a password=SECRET group=full
add authentication-types=wpa2-psk wpa2-pre-shared-key=SECRET
add address=10.0.0.1 secret="SECRET" service=login
""",
    "panos": """
<phash>SECRET</phash>
<pre-shared-key><key>SECRET</key></pre-shared-key>
        phash SECRET;
""",
    "eos": """
username a privilege 15 secret sha512 SECRET
enable password sha512 SECRET
   neighbor 10.0.0.2 password 7 SECRET
   key 7 SECRET
""",
    "frr": """
password SECRET
enable password SECRET
 neighbor 10.0.0.2 password SECRET
 ip ospf message-digest-key 1 md5 SECRET
""",
    "zte": """
username a password encrypted SECRET privilege 15
enable secret level 15 5 SECRET
snmp-server community encrypted SECRET view AllView ro
""",
}
SHAPES = ("Tower7", "$9$aB/c.d$e%f", "08224F470C0C", "%^%#x]Y'z{q%^%#", "$1c$kQ+:", "0xb2ac0d8f")

KEPT = """
service password-encryption
no service password-recovery
security passwords min-length 10
password policy min-size 10
password strength-check
 password-control enable
 password-control login-attempt 5 exceed lock-time 30
local-aaa-user password policy administrator
 password expire 90
ssh user netops authentication-type password
ssh server cipher aes256_ctr aes128_ctr
ssh2 algorithm cipher aes256-ctr aes128-ctr
ssh2 algorithm mac sha2-256
ip ssh server algorithm mac hmac-sha2-256
ip ssh cipher-mode ctr
 authentication-mode aaa
 authentication-mode scheme
 authentication-mode hwtacacs local
 neighbor 10.0.0.1 send-community both
 set community 65000:1 additive
 match community 10
ip community-list standard A permit 65000:1
 hash sha256
 encryption aes 256
 authentication pre-share
crypto key generate rsa modulus 2048
key chain OSPF
 key 1
 ip ospf authentication message-digest
aaa authentication login default group tacacs+ local
snmp-server group NMS v3 priv
snmp-server host 10.0.0.1 version 3 priv nms
snmp-server location "hq room 1"
snmp-server enable traps
snmp-server contact ops
snmp-agent sys-info version v3
snmp-agent community complexity-check disable
snmp-agent group v3 nms privacy
snmp-agent usm-user v3 nms
snmp-agent target-host trap address udp-domain 10.0.0.1 params securityname nms v3 privacy
    set admin-ssh-v1 disable
    set name "office-to-oa"
config system password-policy
    set minimum-length 10
 description secretary room
interface GigabitEthernet0/1
ssl cipher-suite x
username li password 5 !  role network-operator
set system login user li authentication encrypted-password "*"
""".strip("\n").splitlines()


@pytest.mark.parametrize("vendor", LINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_form_of_a_secret_is_blanked_and_the_rest_of_the_line_stays(vendor: str, shape: str) -> None:
    for line in LINES[vendor].strip("\n").splitlines():
        (stored,) = masked([line.replace("SECRET", shape)])
        wanted = line.replace('"SECRET"', "***").replace("## SECRET-DATA", f"## {shape}-DATA").replace("SECRET", "***")
        assert stored == wanted


@pytest.mark.parametrize("line", KEPT)
def test_what_is_no_secret_stays(line: str) -> None:
    assert list(masked([line])) == [line]


@pytest.mark.parametrize("vendor", LINES)
def test_masking_twice_changes_nothing_more(vendor: str) -> None:
    once = list(masked(LINES[vendor].splitlines()))
    assert list(masked(once)) == once


def test_private_keys_in_blocks_are_left_out() -> None:
    key = ['        set private-key "-----BEGIN ENCRYPTED PRIVATE KEY-----', "MIIabc", "def", '-----END ENCRYPTED PRIVATE KEY-----"']
    text = ["config vpn certificate local", '    edit "a"', *key, "    next", "end"]
    assert list(masked(text)) == ["config vpn certificate local", '    edit "a"', '        set private-key "***', "    next", "end"]


def test_community_names_of_fortios_are_secrets_and_other_names_are_not() -> None:
    text = 'config system snmp community\n    edit 1\n        set name "public"\n    next\nend\nconfig firewall policy\n    edit 1\n        set name "office"\n'
    found = list(masked(text.splitlines()))
    assert found[2] == "        set name ***"
    assert found[7] == '        set name "office"'


def test_a_long_hostile_line_takes_no_time() -> None:
    import time

    started = time.perf_counter()
    for line in ("password " * 20_000, "snmp-server host " + "a " * 50_000, "key " * 40_000, "tacacs " + "x " * 40_000 + "key 7 abc", '"' * 100_000):
        assert len(list(masked([line[:100_000]]))) == 1
    assert time.perf_counter() - started < 10
