"""Which texts the console translates, read from its code and templates. ``python -m console.extract`` adds missing ones to the catalogues."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from console.i18n import DOMAIN, FOLDER, LANGUAGES, read_po

HERE: Final = Path(__file__).parent
_IN_TEMPLATE: Final = re.compile(r'_\("((?:[^"\\]|\\.)*)"\)')
_MARKS: Final = frozenset({"_", "marked"})


def used() -> dict[str, str]:
    """Text -> the first file that uses it."""
    found: dict[str, str] = {}
    for path in sorted(HERE.rglob("*.py")):
        for text in _of_code(path.read_text(encoding="utf-8")):
            found.setdefault(text, str(path.relative_to(HERE)))
    for path in sorted(HERE.rglob("*.html")):
        for text in _IN_TEMPLATE.findall(path.read_text(encoding="utf-8")):
            found.setdefault(text, str(path.relative_to(HERE)))
    return found


def _of_code(source: str) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKS]
    return [call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)]


def write_po(path: Path, texts: dict[str, str]) -> None:
    """Sorted, one entry after the other."""
    quoted = [f'msgid "{_quote(key)}"\nmsgstr "{_quote(value)}"\n' for key, value in sorted(texts.items()) if key]
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *quoted]), encoding="utf-8")


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def main() -> None:
    """Bring every catalogue in step: new texts come in empty (English: as they are), unused ones leave."""
    for language in LANGUAGES:
        path = FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        known = read_po(path) if path.exists() else {}
        write_po(path, {text: text if language == "en" else known.get(text, "") for text in used()})


if __name__ == "__main__":
    main()
