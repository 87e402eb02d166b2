"""The shared vocabulary of Wanglou: records, errors, settings, registry, clock, calendar, metric catalogue."""
