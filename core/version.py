"""The version of warmboot: pyproject.toml takes it from here, and so does --version."""

VERSION = "0.2.0"
