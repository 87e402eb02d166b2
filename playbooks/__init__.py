"""Remedies by machines and people: forms in YAML, plans that touch nothing, durable runs. See ``docs/playbooks.md``."""
