"""Times that the tests of the Elasticsearch store share."""

from __future__ import annotations

from datetime import UTC, datetime

T0 = datetime(2026, 11, 20, tzinfo=UTC)
