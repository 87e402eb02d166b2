"""Scans for vulnerabilities: scanners' result files in, what is open on each asset and since when, a text that checks read."""
