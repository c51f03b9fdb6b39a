"""The store: SQLite schema and migrations, one writer, checkpoints, outbox, retention."""
