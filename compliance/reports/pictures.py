"""Photos as reports take them: scaled down, upright, and without what a camera adds (place, device, owner)."""

from __future__ import annotations

import io
from typing import Final

from compliance.reports.content import Picture

LONGEST: Final = 1200
QUALITY: Final = 80


def picture(content: bytes, caption: str) -> Picture:
    """A kept photo (JPEG or PNG, checked when it was attached) as a picture of at most 1200 points each way."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as opened:
        opened.draft("RGB", (LONGEST, LONGEST))  # a large JPEG is decoded at a fraction of its size
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    upright.thumbnail((LONGEST, LONGEST))
    paper = Image.new("RGB", upright.size, "white")
    paper.paste(upright, mask=upright.getchannel("A"))
    into = io.BytesIO()
    paper.save(into, "JPEG", quality=QUALITY)
    return Picture(into.getvalue(), *paper.size, caption)
