"""The API: the same queries and actions as the pages, for programs, under /api/v1."""

from console.api.application import build_api

__all__ = ["build_api"]
