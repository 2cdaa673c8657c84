"""What is installed under a boot root: entries, initrds and command lines."""
