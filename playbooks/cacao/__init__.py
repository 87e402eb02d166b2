"""Playbooks in the exchange format CACAO 2.0 (OASIS, Committee Specification 01 of 27 November 2023), out and in; what does not map is listed."""

from playbooks.cacao.inward import Taken, read_cacao
from playbooks.cacao.outward import Given, export_text, write_cacao

__all__ = ["Given", "Taken", "export_text", "read_cacao", "write_cacao"]
