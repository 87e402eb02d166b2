"""The detectors' honesty: every alarm on record, judged by people, counted, and what follows from it. See docs/detectors.md."""
