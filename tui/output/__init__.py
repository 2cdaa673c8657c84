"""The way to the terminal: what is wanted on it, what it shows, and how fast its line is."""
