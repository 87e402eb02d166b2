"""What an officer is asked about an item, and which evidence an answer needs: written by hand in frameworks/questions.yaml, else made from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import Field

from compliance.check import Model, Text
from compliance.framework import Item
from core.files import build, read_yaml

SHIPPED: Final = Path(__file__).with_name("frameworks") / "questions.yaml"
SOURCES: Final[Mapping[str, Text]] = {
    "document_review": Text(zh="制度、记录或证明文件", en="rules, records or certificates"),
    "site_inspection": Text(zh="现场照片", en="photos from the site"),
    "interview": Text(zh="访谈记录", en="notes of an interview"),
    "change_or_incident_tickets": Text(zh="变更或事件单据", en="tickets of changes or incidents"),
    "account_exports": Text(zh="账号导出", en="an export of accounts"),
    "backup_records": Text(zh="备份记录", en="records of backups"),
    "bastion_records": Text(zh="堡垒机记录", en="records of the bastion host"),
    "vulnerability_scanner": Text(zh="漏洞扫描或渗透测试报告", en="a report of a scan or penetration test"),
    "application_config": Text(zh="应用配置截图", en="pictures of the application's settings"),
    "database_query": Text(zh="数据库查询结果", en="results of database queries"),
    "cloud_api": Text(zh="云平台控制台截图", en="pictures of the cloud console"),
    "antimalware_status": Text(zh="防病毒控制台截图", en="pictures of the anti-malware console"),
}


class Question(Model):
    """``months``: how long an answer holds; ``file``: an answer that it conforms needs a file."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    months: int = Field(default=12, ge=1, le=60)
    file: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """The question with what counts as evidence."""

    text: Text
    evidence: Text
    months: int = 12
    file: bool = False


@lru_cache(maxsize=2)
def load_questions(path: Path = SHIPPED) -> Mapping[str, Question]:
    """Questions by item; raises ConfigError with file, line and key."""
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("maps items to questions")
    return {str(name): build(document, Question, (name,)) for name in document.data}


def asked(item: Item) -> Asked:
    """What is asked about an item; the same item of another level asks the same."""
    written = load_questions().get(item.id) or load_questions().get(item.id.partition("@")[0])
    kinds = [SOURCES[name] for name in item.evidence_sources if name in SOURCES] or [Text(zh="截图、导出或记录", en="pictures, exports or records")]
    evidence = Text(zh="、".join(kind.zh for kind in kinds), en=", ".join(kind.en for kind in kinds))
    if written is None:
        return Asked(item.question, evidence)
    return Asked(Text(zh=written.zh, en=written.en), evidence, written.months, written.file)
