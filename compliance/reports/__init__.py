"""Reports: a dossier as content (one form), written as Word, Excel or PDF, and the evidence package. See docs/compliance-reports.md."""
