"""An audit in a real browser: grade an object, look at its risks, ask for an exemption that another officer grants, take report and evidence along."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from docx import Document
from playwright.sync_api import Browser, BrowserContext, Page, expect

from compliance.answers import answers
from compliance.exemptions import exemptions
from compliance.office import Office
from compliance.reports.package import VERIFIER
from compliance.scans.shelf import ledger_of
from console.desk import open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from core.settings import Settings
from inventory.book import Book
from store.base import Store
from store.embedded import open_embedded
from store.open import open_store
from tests.browser.conftest import settled, wait_for
from tests.compliance.conftest import ASSETS, judge
from tests.compliance.test_scans import item, nessus

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
PASSWORD = "Morning-tower-7-rain"
WITHIN_MS = 60_000
MANUAL = "G.PES.LOC.1"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The console over two judged hosts and two security officers: its address and its data."""
    folder = tmp_path_factory.mktemp("audit")
    store = open_embedded(folder, "service")
    prepare(store, folder)
    store.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "console.log").open("wb") as log:
        program = [sys.executable, "-m", "console.server", "--data", str(folder), "--port", str(port)]
        process = subprocess.Popen(program, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", folder
    finally:
        process.terminate()
        process.wait(15)


def prepare(store: Store, folder: Path) -> None:
    judge(store)
    now, book = datetime.now(UTC), Book(store)
    for asset in ASSETS:
        book.save(asset.id, asset.model_dump(mode="json", exclude_unset=True, exclude={"id"}), source="site", who="site files", now=now)
    accounts = open_desk(store, Settings(data=folder)).identity.accounts
    for name in ("wang", "zhao"):
        accounts.add(Account(name=name, roles=(Role.SECURITY_OFFICER,), created_by="test"), now)
        accounts.change_password(accounts.get(name), PASSWORD, now)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1366, "height": 900}, locale="en-US", accept_downloads=True)
    yield opened
    opened.close()


def login(context: BrowserContext, url: str, name: str) -> Page:
    context.clear_cookies()
    page = context.new_page()
    page.goto(f"{url}/login?language=en")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button")
    settled(page)
    return page


def opened(page: Page, address: str) -> None:
    page.goto(address)
    settled(page)


def downloaded(page: Page, kind: str, form: str) -> bytes:
    page.get_by_role("radio", name=kind).click()
    page.get_by_role("radio", name=form, exact=True).click()
    page.get_by_role("button", name="Make", exact=False).last.click()
    with page.expect_download(timeout=WITHIN_MS) as found:
        page.get_by_role("button", name="Download wanglou").first.click(timeout=WITHIN_MS)
    return Path(found.value.path()).read_bytes()


def signed(page: Page, url: str, file: str, remark: str) -> None:
    opened(page, f"{url}/compliance_reports?object=oa&file={file}")
    page.get_by_label("Remark").fill(remark)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_role("textbox", name="Password")).to_be_hidden(timeout=WITHIN_MS)


def attached(page: Page, name: str, content: bytes) -> None:
    """One file in the form that is open, in the place of those before."""
    for button in page.get_by_role("button", name="Remove").all():
        button.click()
    page.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})


def test_files_of_a_decision_are_kept_by_their_content_or_refused_and_what_was_typed_stays(context: BrowserContext, house: tuple[str, Path]) -> None:
    url, data = house
    page = login(context, url, "wang")
    opened(page, f"{url}/compliance?item={MANUAL}")
    page.get_by_label("What you saw, and where the evidence is").fill("the policy of 2026, signed")
    page.get_by_role("radio").filter(has_text="conforms").first.click()
    for name, content, said in (
        ("policy.pdf", b"MZ\x90\x00" + bytes(range(256)) * 8, "is neither PDF, PNG, JPEG"),
        ("photo.png", b"<html><script>alert(1)</script></html>", "photo.png calls itself png and is text"),
        ("policy.pdf", b"%PDF-1.7 half of it", "the PDF is cut off"),
    ):
        attached(page, name, content)
        page.get_by_role("button", name="Save the decision").click()
        expect(page.get_by_text(said, exact=False).last).to_be_visible(timeout=WITHIN_MS)
        expect(page.get_by_label("What you saw, and where the evidence is")).to_have_value("the policy of 2026, signed")
    attached(page, "large.pdf", b"%PDF-1.7" + b"0" * (10 * 2**20 + 1))
    expect(page.get_by_text("must be 10", exact=False)).to_be_visible(timeout=WITHIN_MS)
    attached(page, "policy.pdf", PDF)
    page.screenshot(path=shots() / "audit-upload.png")
    page.get_by_role("button", name="Save the decision").click()
    opened(page, f"{url}/compliance?item={MANUAL}")
    page.get_by_text("Decisions so far: 1").click()
    expect(page.get_by_text(hashlib.sha256(PDF).hexdigest()[:16], exact=False)).to_be_visible(timeout=WITHIN_MS)
    store = open_store("embedded", data, "console")
    ((decided,),) = ([one for one in answers(store) if one.item == MANUAL],)
    store.close()
    assert [(file.name, file.kind, file.sha256) for file in decided.files] == [("policy.pdf", "pdf", hashlib.sha256(PDF).hexdigest())]


def test_a_scan_is_brought_in_once_and_a_file_that_is_none_is_refused(context: BrowserContext, house: tuple[str, Path]) -> None:
    url, data = house
    page = login(context, url, "zhao")
    opened(page, f"{url}/compliance?tab=scans")
    page.get_by_role("button", name="Bring in a scan").click()
    for content, said in ((b"<html><body>no scan</body></html>", "scan.nessus"), (b"\x7fELF" + bytes(600), "scan.nessus")):
        attached(page, "scan.nessus", content)
        settled(page)
        expect(page.get_by_role("dialog").get_by_role("alert").filter(has_text=said)).to_be_visible(timeout=WITHIN_MS)
        expect(page.get_by_role("button", name="Keep 1 scans")).to_be_hidden()
    attached(page, "scan.nessus", nessus(item(1, severity=4)))
    page.get_by_role("button", name="Keep 1 scans").click(timeout=WITHIN_MS)
    expect(page.get_by_text("1 assets have a new scan", exact=False)).to_be_visible(timeout=WITHIN_MS)
    page.screenshot(path=shots() / "audit-scan.png")
    store = open_store("embedded", data, "console")
    assert [one.id for one in ledger_of(store, "web1").open] == ["nessus:1"]
    store.close()


def test_from_grading_to_a_report_and_evidence_that_an_assessor_verifies(context: BrowserContext, house: tuple[str, Path], tmp_path: Path) -> None:
    url, data = house
    page = login(context, url, "wang")
    opened(page, f"{url}/compliance_objects")
    expect(page.get_by_text("No protection object is recorded yet.")).to_be_visible(timeout=WITHIN_MS)
    page.get_by_role("button", name="New protection object").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("id", exact=True).fill("oa")
    dialog.get_by_label("name", exact=True).fill("办公自动化系统")
    dialog.get_by_label("filing number").fill("330100-26-1")
    dialog.get_by_label("assets by rule, one a line").fill("owner=li, wang")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 protection objects")).to_be_visible(timeout=WITHIN_MS)
    page.screenshot(path=shots() / "audit-object.png")

    opened(page, f"{url}/compliance_risks?object=oa&item=G.CES.AC.2")
    expect(page.get_by_text("Ask for an exemption")).to_be_visible(timeout=WITHIN_MS)
    page.get_by_label("Why the gap cannot be closed now").fill("the vendor needs it until May")
    page.get_by_label("Compensating control").fill("bastion with two factors")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_text("Exemptions (1)")).to_be_visible(timeout=WITHIN_MS)
    opened(page, f"{url}/compliance_risks?object=oa&tab=exempt")
    expect(page.get_by_text("somebody else decides")).to_be_visible(timeout=WITHIN_MS)

    page = login(context, url, "zhao")
    opened(page, f"{url}/compliance_risks?object=oa&tab=exempt")
    page.get_by_label("Remark").fill("until the contract ends")
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_text("in force")).to_be_visible(timeout=WITHIN_MS)
    page.screenshot(path=shots() / "audit-exemption.png")
    store = open_store("embedded", data, "console")
    assert [(one.requester, one.approver, one.granted) for one in exemptions(store)] == [("wang", "zhao", True)]
    store.close()

    opened(page, f"{url}/compliance_reports?object=oa")
    word = downloaded(page, "Self-assessment report", "Word")
    text = "".join(node.text or "" for node in Document(BytesIO(word)).element.body.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"))
    assert "办公自动化系统" in text
    assert "bastion with two factors" in text
    page.screenshot(path=shots() / "audit-report.png")

    opened(page, f"{url}/compliance_reports?object=oa")
    page.get_by_text("keep on the shelf").click()
    word = downloaded(page, "Self-assessment report", "Word")
    store = open_store("embedded", data, "console")
    (kept,) = Office(store, Settings(data=data)).kept()
    store.close()
    assert kept["sha256"] == hashlib.sha256(word).hexdigest()
    signed(page, url, kept["file"], "numbers compared")
    opened(page, f"{url}/compliance_reports?object=oa&file={kept['file']}")
    expect(page.get_by_role("textbox", name="Password")).to_be_hidden(timeout=WITHIN_MS)  # nobody signs twice
    page = login(context, url, "wang")
    signed(page, url, kept["file"], "reviewed")
    page.screenshot(path=shots() / "audit-signed.png", full_page=True)
    with page.expect_download(timeout=WITHIN_MS) as found:
        page.get_by_role("button", name="Signatures (JSON)").click()
    told = json.loads(Path(found.value.path()).read_text(encoding="utf-8"))
    assert [(one["capacity"], one["who"], one["sha256"]) for one in told["signatures"]] == [
        ("prepared", "zhao", kept["sha256"]),
        ("reviewed", "wang", kept["sha256"]),
    ]
    opened(page, f"{url}/compliance_reports?object=oa")
    package = tmp_path / "evidence.zip"
    package.write_bytes(downloaded(page, "Evidence package", "Word"))
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), str(package)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def shots() -> Path:
    folder = ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder
