"""warmboot front ends: the command line and the full-screen program."""
