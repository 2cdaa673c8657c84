"""A restart on trial: armed in the system that is left, and ended in the one that was reached."""
