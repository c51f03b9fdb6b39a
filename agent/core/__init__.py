"""The core: one single-threaded fold over the journal (ledger, streams, alarms, incidents)."""
