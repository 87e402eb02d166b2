"""Alerts of other monitoring systems: what they send becomes what alerting takes, by mappings in YAML."""
