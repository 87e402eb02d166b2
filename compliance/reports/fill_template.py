"""A Word template and what it is filled with on standard input, the document on standard output. Run as a program of its own with little memory and time:

a template is somebody's file, and a loop in it may never end. Exit status 3: a tag is wrong, standard error says which.
"""

from __future__ import annotations

import base64
import io
import json
import re
import resource
import sys
from collections.abc import Iterator
from typing import Any, Final

from docxtpl import DocxTemplate
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

WRONG: Final = 3
CPU_S: Final = 60
MEMORY: Final = 1_500_000_000
LARGEST: Final = 100_000_000
TAG: Final = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
UNSAFE: Final = ("safe", "forceescape", "pprint", "xmlattr", "random")


class Traced(DocxTemplate):  # type: ignore[misc]
    """A template that remembers which text it is rendering, so that a mistake can be shown where it stands."""

    source = ""

    def render_xml_part(self, src_xml: str, part: Any, context: Any, jinja_env: Any = None) -> Any:
        """As the library does it; the line numbers of mistakes are those of ``source``."""
        self.source = re.sub(r"<w:p([ >])", r"\n<w:p\1", src_xml)
        return super().render_xml_part(src_xml, part, context, jinja_env)


def environment() -> ImmutableSandboxedEnvironment:
    """No attribute of Python is reached, every text is escaped, a name that is not there is a mistake."""
    made = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
    for name in UNSAFE:
        made.filters.pop(name, None)
    made.globals = {"range": made.globals["range"]}
    return made


def marked(value: Any) -> Any:
    """The context; what stands as {"xml": text} is put in as it is: it was written by the product, never by a template or a device."""
    if isinstance(value, dict):
        return Markup(value["xml"]) if list(value) == ["xml"] else {key: marked(one) for key, one in value.items()}  # noqa: S704
    return [marked(one) for one in value] if isinstance(value, list) else value


def lines_of(err: BaseException) -> Iterator[int]:
    """The lines of the template that the mistake passed through, the deepest last."""
    if isinstance(err, TemplateError) and isinstance(line := getattr(err, "lineno", None), int):
        yield line
    trace = err.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename in ("<template>", "<unknown>"):
            yield trace.tb_lineno
        trace = trace.tb_next


def told(err: BaseException, source: str) -> str:
    """What is wrong, and the tags of the paragraph in which it stands."""
    written, numbers = source.splitlines(), list(lines_of(err))
    near = written[max(numbers[-1] - 2, 0) : numbers[-1] + 1] if numbers else []
    here = written[numbers[-1] - 1] if numbers and numbers[-1] <= len(written) else ""
    tags = TAG.findall(here) or TAG.findall("\n".join(near)) or [re.sub(r"<[^>]+>", "", here).strip()]
    return f"{tags_said(tags)}{type(err).__name__}: {err}"


def tags_said(tags: list[str]) -> str:
    """The tags as somebody wrote them, shortened."""
    text = "  ".join(re.sub(r"<[^>]+>|\s+", " ", tag).strip() for tag in tags)[:300]
    return f"at {text}: " if text else ""


def main() -> int:
    """Fill in; a mistake of the template is told on standard error."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    given = json.load(sys.stdin.buffer)
    template = Traced(io.BytesIO(base64.b64decode(given["template"])))
    into = io.BytesIO()
    try:
        template.render(marked(given["context"]), environment(), autoescape=True)
        template.save(into)
    except (TemplateError, TypeError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError, RecursionError) as err:
        sys.stderr.write(told(err, template.source))
        return WRONG
    except MemoryError:
        sys.stderr.write("the document became too large: a loop goes round too often")
        return WRONG
    if into.tell() > LARGEST:
        sys.stderr.write(f"the document became larger than {LARGEST:,} bytes")
        return WRONG
    sys.stdout.buffer.write(into.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
