"""Run in a guest: the parsers of boot images, replayed and rehearsed on the kernel there.

For each image prints a line of JSON: how far the kernel came with the parser inside the image, and
what the parser's own code makes of the image. Arguments are paths, each with a dialect before it;
or ``replay OBJECT``, which only loads and attaches a parser object.
"""

from __future__ import annotations

import hashlib
import json
import sys

from warmboot.core.bpf.abi import Dialect
from warmboot.core.bpf.bpf_syscall import LoadError
from warmboot.core.bpf.parsers import parser_for
from warmboot.core.bpf.rehearse import CannotRehearse, LoadedRehearsal
from warmboot.core.bpf.replay import replay
from warmboot.core.images import BytesView, ImageFile, View, identify
from warmboot.core.images.pe import parse_headers

LOG = 4000  # characters of the verifier's log that are worth showing


def carried(view: View) -> View | None:
    """The parser object inside a PE file."""
    section = parse_headers(view).find(".bpf")
    return view.part(section.offset, section.size, "parser") if section is not None else None


def trial(dialect: Dialect, path: str) -> dict[str, object]:
    with ImageFile.open(path) as file:
        image = identify(file.view)
        parser = carried(file.view) or BytesView(parser_for(image, dialect).content)
        loading = replay(parser)
        rehearsal = parser_for(image, dialect, rehearsal=True)
        try:
            with LoadedRehearsal(rehearsal, file.view.size) as stand:
                outcome = stand.run(file.view)
        except CannotRehearse as error:
            refused = error.__cause__
            sys.exit(refused.log[-LOG:] if isinstance(refused, LoadError) else error.message)
    return {
        "stage": loading.stage.name,
        "code": loading.code,
        "log": loading.log,
        "origin": rehearsal.origin,
        "refusal": outcome.refusal and outcome.refusal.text,
        "commands": [
            [c.action, c.target.name, len(c.payload), hashlib.sha256(c.payload).hexdigest()]
            for c in outcome.commands
        ],
    }


def main() -> None:
    if sys.argv[1] == "replay":
        with ImageFile.open(sys.argv[2]) as file:
            loading = replay(file.view)
        answer = {"stage": loading.stage.name, "code": loading.code, "log": loading.log}
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    words = iter(sys.argv[1:])
    for dialect in words:
        sys.stdout.write(json.dumps(trial(Dialect(dialect), next(words))) + "\n")


if __name__ == "__main__":
    main()
