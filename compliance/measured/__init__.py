"""Texts that are worked out from stored records, so that ordinary checks can judge them: figures, the inventory, rounds, incidents, changes, drills."""
