"""Papers and photos that the bureau attached: small true files, said to be of a demonstration."""

from __future__ import annotations

import io
import random
from datetime import datetime

from compliance.reports.content import Content, Heading, Para
from compliance.reports.write import rendered

MARK = "演示文件，内容为虚构 / made for demonstration, nothing in it is real"


def paper(name: str, text: str, at: datetime) -> tuple[str, bytes]:
    """File name and content: a photo for ``.png``, else a Word document with one page of text."""
    if name.endswith(".png"):
        return name, photo(name)
    title = name.removesuffix(".docx")
    blocks = (Heading(title), Para(text), Para(MARK))
    cover = (("单位", "市生态环境局（演示）"), ("日期", f"{at:%Y-%m-%d}"))
    return f"{title}.docx", rendered(
        Content(title=title, subject="演示 / demonstration", language="zh_CN", cover=cover, blocks=blocks, mark=MARK, made=at), "docx"
    )


def photo(name: str) -> bytes:
    """A drawn rack with lamps, different for each name."""
    from PIL import Image, ImageDraw

    dice = random.Random(name)
    picture = Image.new("RGB", (480, 360), (214, 218, 222))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((90, 20, 390, 340), fill=(46, 50, 56), outline=(20, 22, 25), width=4)
    for row in range(11):
        top = 34 + row * 27
        pen.rectangle((106, top, 374, top + 21), fill=(70, 76, 84) if dice.random() < 0.8 else (34, 37, 41))
        for lamp in range(dice.randrange(2, 7)):
            pen.ellipse((116 + lamp * 14, top + 7, 122 + lamp * 14, top + 13), fill=(64, 200, 110) if dice.random() < 0.93 else (230, 150, 40))
    into = io.BytesIO()
    picture.save(into, "PNG")
    return into.getvalue()
