"""One module per command of the command line; each takes the parsed arguments."""
