"""Secrets in configurations of network devices, blanked before anything is stored.

Vendors write them in few forms: a word that announces a secret, how it is encoded, and the secret itself. What is no secret
though it follows such a word (names of algorithms, policies, BGP communities) is kept, since checks and people read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

BLANK: Final = "***"
_VALUE: Final = r"(?P<secret>\"[^\"]*\"?|'[^']*'?|[^\s;<]+)"
_CODED: Final = (
    r"(?:(?:simple|cipher|irreversible-cipher|plain|plaintext|plain-text|clear|encrypted|encryption|hash|hashed|sha-?512|pbkdf2|ascii|ascii-text|hex|enc|ENC|md5"
    r"|pass-phrase|set-key|(?:address|hostname) \S+ (?:\S+ )?key|level \d+|role \S+|0x|\d{1,2}) +)*"
)
_WORD: Final = (
    r"(?:password|passwd|secret|passphrase|pass-phrase|(?<!-)psk|psksecret|pre-?shared-key|shared-key|key-string|authentication-key|encrypted-password"
    r"|simple-password|plain-text-password|auth-password|priv-password|auth-pwd|priv-pwd|set-key|wpa-psk|phash|ppk-secret|private-key|privacy-password"
    r"|authentication-password|privacy-key|login-password|snmp-trap-community|local-key|shared-secret)"
)
_DIGEST: Final = r"(?:md5|sha\d*|sha2?-\d+|sha-?\d+)"
_NUMBERED: Final = r"(?:message-digest-key|authentication-key|authentication-keyid) +\d+ +(?:authentication-mode +)?(?:md5|sha\S*|hmac-\S+|cmac-\S+)"
_KEPT: Final = (
    r"(?!(?:policy|complexity|strength-check|expire|alert|min-length|min-size|minimum|history|prompt|recovery|max-length|length|aging|control|valid-days|encryption"
    r"|authentication|modify|change|strong|prevent|secure-dictionary|not-required|required)\b)"
)
_NONE: Final = r"(?!(?:\d +)?\"?[!*]\"?(?:[\s;]|$))"
"""Where a hash would stand: the account has no password and nobody logs in by one (NX-OS ``!``, Junos ``"*"``)."""
_PATTERNS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i:\b{_WORD})[ \t]+{_NONE}(?i:{_CODED}){_KEPT}{_VALUE}",  # password 7 0822455D0A16
        rf"(?i)\b(?:[\w-]*(?:password|passphrase|secret|pre-shared-key|authentication-key|private-key)|auth-key|community|key)={_VALUE}",  # RouterOS
        rf"(?i)<(?:phash|password|key|secret|auth-password|priv-password|authpwd|privpwd|passphrase|community|shared-key)>{_VALUE}",  # XML
        r"(?<!server )(?<!client )(?<!algorithm )(?<!ssl )(?<!cipher )\b(?:irreversible-)?cipher +(?!authentication-mode|privacy-mode)" + _VALUE,  # Huawei, H3C
        rf"^\s*snmp-server community +(?:[078] +|encrypted +)?{_VALUE}",
        rf"^\s*snmp-agent (?:community(?: read| write)?|trap community)(?: simple| cipher)? +(?!complexity-check|read |write |simple |cipher ){_VALUE}",
        rf"^\s*snmp-server host .*?\b(?:version (?:1|2c) |traps (?!version)|informs (?!version)){_VALUE}",
        r"^\s*snmp-server host (?!.*\b(?:version|traps|informs|use-vrf|source-interface|udp-port|poll|trap|community)\b)(?:\S+ )?\S+ +(?:[078] +)?" + _VALUE,
        rf"^\s*snmp-server host .*\bcommunity +(?:[08] +)?{_VALUE}",
        rf"^\s*snmp-agent target-host .*securityname +(?:cipher +)?{_VALUE}(?= +(?:v1|v2c)\b|\s*$)",
        rf"^\s*snmp-agent target-host .*securityname +(?:cipher +)?(?!.*\bv3\b){_VALUE}",
        rf"^\s*(?:set )?snmp (?:v3 .*)?community +{_VALUE}",  # Junos
        rf"^\s*community +{_VALUE} *\{{",
        rf"(?i)\b(?:auth|authentication-mode) +{_DIGEST}(?: +cipher| +simple)? +(?!(?:cipher|simple|privacy-mode|priv)\b|\d{{1,3}} ){_VALUE}",
        r"(?i)\b(?:priv|privacy-mode) +(?:(?:aes|des|3des)(?:[ -]?\d{2,3})?)(?: +cipher| +simple)? +(?!(?:cipher|simple)\b)" + _VALUE,
        rf"^(?=.*localizedkey|.*snmp-server user).*\bpriv +(?!aes|des|3des){_VALUE}",  # NX-OS: priv 0x...
        rf"(?i)\b{_NUMBERED}(?: +(?:cipher|simple))?(?: +[0578])? +{_VALUE}",
        rf"(?i)\bauthentication-mode +(?:simple|md5|hmac-\S+|keychain)(?: +(?:\d+|plain|cipher|simple))* +(?!cipher\b){_VALUE}",
        rf"^\s*(?:standby|glbp|vrrp)\b.*\bauthentication +(?:text +|md5 +key-string +(?:[07] +)?)?(?!md5\b){_VALUE}",
        rf"\b(?:crypto isakmp|isakmp) key +(?:[06] +)?{_VALUE}",
        rf"^\s*(?:tacacs|radius|hwtacacs)\S*(?: +\S+)*? +(?:server-)?key +(?:[05678] +)?{_VALUE}",
        rf"\b(?:server-private|server-)\S*.*\bkey +(?:[05678] +)?{_VALUE}",
        (
            r"^\s+key +(?:(?:authentication|accounting|authorization) +)?(?:simple +|cipher +|[05678] +)?"
            rf"(?!\d{{1,3}}\s*$|(?:chain|cipher|simple|authentication)\b){_VALUE}"
        ),
        rf"(?i)\b(?:isis|area|domain)[ -]password +{_VALUE}",
        rf"^\s*set +(?:passwd|key|secret|psk|token|ppk-secret|sae-password|password\d?)(?: +ENC)? +{_VALUE}",  # FortiOS
    )
)
_BEGIN: Final = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_END: Final = re.compile(r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_COMMUNITY: Final = re.compile(r"^config system snmp community\b")
_NAME: Final = re.compile(rf"^(?:\s*)set name +{_VALUE}")


def masked(lines: list[str]) -> Iterator[str]:
    """The lines with every secret written ``***``; private keys in blocks of text are left out but for their first line."""
    in_key = in_community = False
    for line in lines:
        if in_key:
            in_key = not _END.search(line)
            continue
        if found := _BEGIN.search(line):
            in_key = not _END.search(line)
            yield line[: found.start()] + BLANK
            continue
        in_community = bool(_COMMUNITY.match(line)) or (in_community and line.strip() != "end" and not line.startswith("config"))
        yield _blank(line, _NAME) if in_community and _NAME.match(line) else masked_line(line)


def masked_line(line: str) -> str:
    """One line by itself, as somebody entered it."""
    for pattern in _PATTERNS:
        line = _blank(line, pattern)
    return line


def _blank(line: str, pattern: re.Pattern[str]) -> str:
    def one(found: re.Match[str]) -> str:
        begin, end = (place - found.start() for place in found.span("secret"))
        return found[0][:begin] + BLANK + found[0][end:]

    return pattern.sub(one, line)
