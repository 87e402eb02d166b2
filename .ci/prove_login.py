"""Log in with the one-time password, change it, and ask for the first page and the API: what a newcomer does first."""

from __future__ import annotations

import re
import secrets
import sys

import httpx2


def prove(url: str, password: str) -> None:
    """Raises AssertionError at the first answer that is not as it should be."""
    with httpx2.Client(base_url=url, timeout=30, follow_redirects=False) as client:
        assert client.get("/").status_code in (302, 303, 307), "a stranger must be sent to the login page"
        answer = client.post("/login", data={"name": "admin", "password": password, "form": mark(client.get("/login").text)})
        assert answer.status_code == 303, f"the one-time password was refused: {answer.status_code}"
        new = f"Wl-{secrets.token_urlsafe(12)}-9a"
        page = client.get("/password").text
        answer = client.post("/password", data={"old": password, "new": new, "again": new, "form": mark(page)})
        assert answer.status_code == 303, f"the new password was refused: {answer.status_code}"
        assert client.get("/").status_code == 200, "the first page must open after the change"
        assets = client.get("/api/v1/assets")
        assert assets.status_code == 200, f"the API answered {assets.status_code}"
        assert "wanglou" in assets.text, "the product must be one of its own assets"


def mark(page: str) -> str:
    """The hidden mark of a form."""
    found = re.search(r'name="form"\s+value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]


if __name__ == "__main__":
    prove(sys.argv[1], sys.argv[2])
