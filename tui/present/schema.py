"""The version of the JSON answers."""

#: Name and version; a change that would break a reader raises the number. See warmboot-json(5).
SCHEMA = "warmboot/1"
