"""The answers in JSON: one module per command, each field declared and written by hand."""
