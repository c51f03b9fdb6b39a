"""Views: read the current snapshot, change nothing; one folder each."""
