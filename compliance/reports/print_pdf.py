"""A page on standard input, a PDF on standard output. Run as a program of its own: WeasyPrint takes hundreds of megabytes and a core for long tables.

Nothing is fetched: the page holds everything, pictures too. Exit status 3: the system's Pango library is missing.
"""

from __future__ import annotations

import sys

NO_PANGO = 3


def main() -> int:
    """Convert; raises nothing that is not told on standard error."""
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as err:
        sys.stderr.write(f"{err}\n")
        return NO_PANGO
    sys.stdout.buffer.write(HTML(string=sys.stdin.buffer.read().decode("utf-8"), url_fetcher=URLFetcher(allowed_protocols=("data",))).write_pdf())
    return 0


if __name__ == "__main__":
    sys.exit(main())
