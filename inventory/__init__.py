"""What there is and how to reach it: assets, relations, credentials, people."""
