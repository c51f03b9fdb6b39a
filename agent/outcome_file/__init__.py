"""Outcome files as plants have them: CSV of any dialect or JSON lines, read row by row into outcome records."""
