"""The store: one SQLite file with the journal, the alarms and the outbox; one writer, any number of readers."""
