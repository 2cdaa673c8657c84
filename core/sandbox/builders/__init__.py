"""Real-format boot images built in code: for the sandbox, and for tests of every parser."""
