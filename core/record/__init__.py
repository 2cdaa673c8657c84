"""What was done, and what became of it: lock, journal, outcome, report."""
