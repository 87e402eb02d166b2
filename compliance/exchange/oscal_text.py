"""Small facts of OSCAL that reading and writing share: version, our namespace, how names and texts must look."""

from __future__ import annotations

import re
from typing import Final

VERSION: Final = "1.2.1"
NAMESPACE: Final = "urn:wanglou:oscal"


def token(name: str) -> str:
    """A name as OSCAL takes it (an NCName): what it does not take becomes an underscore."""
    made = re.sub(r"[^\w.\-]", "_", name)
    return made if re.match(r"[^\W\d]", made) else f"_{made}"


def line(text: str) -> str:
    """A text in one line, not empty."""
    return " ".join(text.split()) or "-"
