"""Compliance: snapshots and facts of the store -> verdicts of checks -> results of requirement items, with evidence."""
