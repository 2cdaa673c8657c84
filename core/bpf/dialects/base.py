"""What a dialect's row says."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

from warmboot.core.bpf.abi import Action, Command, Kind, Target
from warmboot.core.closing import Closing
from warmboot.core.images import BootImage, View
from warmboot.core.payload.memfile import MemFile
from warmboot.core.progress import Cancel
from warmboot.core.values import NamedTuple, dataclass, replace


class CallParts(NamedTuple):
    """What the files of a call are built from; see warmboot.core.bpf.call_files."""

    view: View
    image: BootImage
    parsers: Sequence[bytes]
    nested: Sequence[bytes] = ()
    initrd: View | None = None
    addon: View | None = None
    cmdline: str | None = None
    cancel: Cancel | None = None


@dataclass(frozen=True)
class CallFiles(Closing):
    """What goes into the call in the kernel's place and in the initrd's.

    `initrd` is None where the initrd goes into the call by itself, and so does the command line.
    Closing gives the memory back.
    """

    kernel: MemFile
    initrd: MemFile | None
    warnings: tuple[str, ...] = ()

    def close(self) -> None:
        """Close both files; calling it again does nothing."""
        self.kernel.close()
        if self.initrd is not None:
            self.initrd.close()


@dataclass(frozen=True)
class DialectFacts:
    """All that differs between the dialects.

    `number` is the value of DIALECT in the C source. `actions` are the numbers of the commands,
    `fields` and `header` the packed struct cmd_hdr, `context_member` the member of struct
    kexec_context that no other dialect has (None: none). `programs` are models of the parsers that
    exist, by kind: from an image and the room for a payload (bytes) to the commands; `refused` is
    what a parser hands over that gives up. `most_commands` is how many one image can give.

    `whole` is whether parsers get the whole signed image, with initrd and command line around it;
    else they get what the kernel's file is, and the other two go into the call. `build` makes the
    files of the call, and `largest` tells the bytes of the largest payload of one command, from the
    image, those of its kernel as it is handed over, and those of the initrd.
    """

    number: int
    actions: Mapping[Action, int]
    fields: tuple[str, ...]
    header: struct.Struct
    context_member: str | None
    programs: Mapping[Kind, Callable[[View, int], tuple[Command, ...]]]
    refused: tuple[Command, ...]
    most_commands: int
    whole: bool
    build: Callable[[CallParts], CallFiles]
    largest: Callable[[BootImage, int, int], int]

    def encode(self, command: Command) -> bytes:
        """Return header and payload; raises KeyError for an action the dialect lacks."""
        values = {
            "cmd": self.actions[command.action],
            "subcmd": command.target,
            "pipeline_flag": command.fill,
            "payload_len": len(command.payload),
        }
        return self.header.pack(*(values.get(f, 0) for f in self.fields)) + command.payload

    def decode(self, record: bytes | memoryview) -> Command:
        """Return the command that a record holds."""
        head, payload = self.split(record)
        return replace(head, payload=bytes(payload))

    def split(self, record: bytes | memoryview) -> tuple[Command, memoryview]:
        """Return the command that a record holds, without its payload, and that where it stands."""
        values = dict(zip(self.fields, self.header.unpack_from(record), strict=True))
        action = next(name for name, known in self.actions.items() if known == values["cmd"])
        fill = bool(values.get("pipeline_flag"))
        start = self.header.size
        payload = memoryview(record)[start : start + values["payload_len"]]
        return Command(action, Target(values["subcmd"]), b"", fill), payload
