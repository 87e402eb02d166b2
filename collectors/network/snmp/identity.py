"""Who a device is: from its profiles, from ENTITY-MIB, and from a good look at sysDescr."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from collectors.network.snmp.match import AGENTS, SYS_DESCR, SYS_NAME, object_id
from collectors.network.snmp.oid import inside
from collectors.network.snmp.profile import Profile, Source
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Identity
from collectors.network.snmp.rows import cells, word
from collectors.network.snmp.standard.entity import ENTITY, Parts, parts
from collectors.network.snmp.values import text
from core.files import read_text, read_yaml

_FACTS = ("vendor", "os", "model", "version", "serial")
_ENTERPRISE = re.compile(r"1\.3\.6\.1\.4\.1\.(\d+)")
_VERSIONS = (
    re.compile(
        r"\b(?:software|firmware|sw|fw|f/w|image|runtime|system)[\s:,]*(?:version|ver\.?|rev(?:ision)?\.?|release|v)[\s:=.]*(v?\d[\w.()\-]*)", re.IGNORECASE
    ),
    re.compile(r"\b(?:version|ver\.?|release|revision|rev\.?)[\s:=]*(v?\d[\w.()\-]*)", re.IGNORECASE),
    re.compile(r"\b(?:firmware|software|sw|fw|f/w|s/w)[\s:=]+(v?\d[\w.()\-]*)", re.IGNORECASE),
    re.compile(r"\bv(\d+(?:\.\d+)+[\w.()\-]*)", re.IGNORECASE),
    re.compile(r"\b[A-Za-z][\w\-]*OS[\s\-](?:[A-Z]-)?v?(\d+\.\d[\w.()\-]*)"),  # PAN-OS 10.1, JUNOS 14.1X53, TiMOS-C-21.10
    re.compile(r"(?<![\w.])(\d+(?:\.\d+){2,}[\w\-]*(?:\.[\w\-]+)*)"),
)
_CODE = re.compile(
    r"(?<![\w./-])(?=[\w-]*[A-Z])(?=[\w-]*\d)(?!(?i:(?:v|ver|rev|rel|sw|hw|fw|i|x)-?\d[\d.]*[a-z]?\b|snmp|ipv|rfc|sha|tls|mib|layer))[A-Za-z][\w+/-]{2,30}"
)
"""A product's code somewhere in a long text: letters, one of them a capital, with a digit; no version, no standard."""
_WORDS = re.compile(
    r"(?:[,.\s]*\b(?:networks?|inc|corp(?:oration)?|co|ltd|limited|gmbh|ag|s\.?a|technolog(?:y|ies)|systems?|communications?|international|electronics?)\b\.?)+[,.\s]+",
    re.IGNORECASE,
)
_SYSTEM = re.compile(r"\b(?!BIOS|QoS)([A-Za-z][A-Za-z\-]{0,10}OS)(?=[\s\-,;)(]|$)")
"""A name of software as many are made: EOS, JUNOS, PAN-OS, TiMOS."""
_SERIAL = re.compile(r"\b(?:serial(?:\s*(?:number|no\.?|num|#))?|s/n|sn)[\s:=#]+([A-Za-z0-9][\w\-]{4,})", re.IGNORECASE)
_SHORT = 48
_EMPTY = {"", "n/a", "na", "none", "null", "unknown", "not available", "not specified", "to be filled by o.e.m.", "default string", "0", "-", "--"}


def identity(reader: Reader, profiles: Iterable[Profile]) -> Identity:
    """The best answer to each question, None where the device does not say; an ``os`` that no profile names is the word that ends so, else the vendor's own."""
    descr = reader.text(SYS_DESCR).strip('"')
    facts: dict[str, str] = {}
    for profile in profiles:
        _from_profile(reader, profile, descr, facts)
    found = parts(reader)
    if facts.keys() < set(_FACTS):
        _offer(facts, "model", found.fact(found.model))
        _offer(facts, "serial", found.fact(found.serial))
        _offer(facts, "version", found.fact(found.software) or found.fact(found.firmware))
    if "vendor" not in facts:
        _offer(facts, "vendor", _maker(reader, found))
    _offer(facts, "version", next((hit[1].rstrip(".,;)") for pattern in _VERSIONS if (hit := pattern.search(descr))), ""))
    _offer(facts, "serial", hit[1] if (hit := _SERIAL.search(descr)) else "")
    _offer(facts, "model", _model(descr, facts.get("vendor", "")))
    _offer(facts, "os", hit[1].lower().replace("-", "") if (hit := _SYSTEM.search(descr)) else "")
    _offer(facts, "os", re.sub(r"[^a-z0-9]+", "-", facts.get("vendor", "").lower()).strip("-"))
    return Identity(**{fact: facts.get(fact) for fact in _FACTS}, sysname=reader.text(SYS_NAME) or None)


def _maker(reader: Reader, found: Parts) -> str:
    """Who made a device that no profile knows: behind net-snmp by ENTITY-MIB, else by the enterprise number."""
    objectid = object_id(reader)
    told = found.fact(reader.names(f"{ENTITY}.12")) if objectid.startswith(AGENTS) and found.descr else ""
    return told or enterprise(objectid)


def _offer(facts: dict[str, str], fact: str, value: str) -> None:
    plain = " ".join(value.split())
    if plain.lower() not in _EMPTY:
        facts.setdefault(fact, plain[:256])


def _from_profile(reader: Reader, profile: Profile, descr: str, facts: dict[str, str]) -> None:
    for fact in _FACTS:
        sources: tuple[Source, ...] = getattr(profile, fact)
        for source in sources:
            if fact not in facts:
                _offer(facts, fact, _source(reader, source, descr))
    for pattern in profile.reads:
        hit = pattern.search(descr)
        for fact, value in (hit.groupdict() if hit else {}).items():
            _offer(facts, fact, value or "")


def _source(reader: Reader, source: Source, descr: str) -> str:
    value = _raw(reader, source, descr)
    if source.regex:
        hit = source.regex.search(value)
        value = next((group for group in (*hit.groups(), hit[0]) if group), "") if hit else ""
    return source.values.get(value, "") if source.values else value


def _raw(reader: Reader, source: Source, descr: str) -> str:
    if source.get:
        return reader.text(source.get)
    if source.first:
        return next((plain for value in reader.column(source.first).values() if (plain := text(value)).lower() not in _EMPTY), "")
    if source.sysdescr:
        hit = source.sysdescr.search(descr)
        return (" ".join(filter(None, hit.groups())) or hit[0]) if hit else ""
    if source.entity:
        found = parts(reader)
        return found.fact(getattr(found, source.entity))
    if source.objectid:
        return _by_object_id(source.objectid, object_id(reader))
    return _format(reader, source) if source.format else source.text


def _by_object_id(table: Mapping[str, str], objectid: str) -> str:
    fits = [oid for oid in table if inside(objectid, oid) or (objectid.endswith(f".{oid.lstrip('.')}") and oid.startswith("."))]
    return table[max(fits, key=len)] if fits else ""


def _format(reader: Reader, source: Source) -> str:
    """Every name must be there, else the format gives nothing."""
    filled: dict[str, str] = {}
    for key, name in source.names.items():
        column = cells(reader, name.oid) if name.oid not in ("entity", "interface") else {}
        filled[key] = next((plain for row in column if (plain := word(reader, name, row))), "")
        if not filled[key]:
            return ""
    return re.sub(r"\{(\w+)\}", lambda hit: filled.get(hit[1], ""), source.format)


def _model(descr: str, vendor: str) -> str:
    """The first words of a short sysDescr, without the vendor's name and what follows such a name; of a long one the first product code."""
    line = descr.split("\n", maxsplit=1)[0].strip()
    if line.lower().startswith(("linux ", "hardware:", "freebsd ", "netbsd ", "openbsd ", "sunos ", "darwin ")) or line == "<private>":
        return ""
    if vendor and line.lower().startswith(vendor.lower()):
        line = _WORDS.sub("", line[len(vendor) :].lstrip(), count=1) if _WORDS.match(line[len(vendor) :]) else line[len(vendor) :].lstrip(" ,:-")
    short = re.split(
        r",|;|\s-\s|\(|\bversion\b|\bfirmware\b|\bsoftware\b|\bv\d|\b\d+(?:\.\d+){2,}|\brunning\b|\bkernel\b", line, maxsplit=1, flags=re.IGNORECASE
    )[0].strip()
    if short and len(short) <= _SHORT:
        return short
    hit = _CODE.search(line)
    return hit[0] if hit else ""


@cache
def _enterprises() -> Mapping[str, str]:
    document = read_yaml(Path(__file__).parent / "enterprises.yaml")
    return {str(number): str(name) for number, name in document.data.items()}


@cache
def _register() -> str:
    """The whole register as one text: searched once for a strange device, cheaper to keep than 59,000 pairs."""
    return read_text(Path(__file__).parent / "enterprises.tsv")


def enterprise(objectid: str) -> str:
    """The vendor that IANA gave the enterprise number of a sysObjectID to, as people call it where we know; empty for a number that nobody has."""
    hit = _ENTERPRISE.match(objectid)
    if not hit:
        return ""
    if known := _enterprises().get(hit[1], ""):
        return known
    found = re.search(rf"^{hit[1]}\t(.+)$", _register(), re.MULTILINE)
    return found[1] if found else ""
