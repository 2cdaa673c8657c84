"""How answers are declared: the schema, the manual and the type checker read the same lines.

An object is a TypedDict with a docstring. Each field is ``Annotated`` with a line about it, which
goes on a sentence that begins with the field; a closed set that is no StrEnum adds `OneOf`::

    class JobFields(TypedDict):
        \"\"\"A job of systemd.\"\"\"

        unit: Annotated[str, "name of the unit"]
"""

from __future__ import annotations

from warmboot.core.hints import Annotated, Final, Literal, TypedDict
from warmboot.core.values import NamedTuple

#: Name and version; a change that would break a reader raises the number. See warmboot-json(5).
SCHEMA: Final = "warmboot/1"


class OneOf(NamedTuple):
    """The values that a text may have, where its type does not say so."""

    values: tuple[str, ...]


class Answer(TypedDict):
    """What every answer has."""

    schema: Annotated[
        Literal["warmboot/1"], "name and version; a change that would break a reader raises it"
    ]
    simulated: Annotated[
        bool, "whether the machine is a sandbox, so that nothing touched a real kernel"
    ]
