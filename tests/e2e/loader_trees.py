"""Boot partitions with entries of every form that systemd reads, made up from a seed."""

from __future__ import annotations

import random
from pathlib import Path

from warmboot.core.sandbox.builders.bzimage import build_bzimage
from warmboot.core.sandbox.builders.uki import Profile, build_addon, build_uki

KERNEL = build_bzimage("6.12.1-own", body_size=512)
_NAMES = (
    "arch", "arch-lts", "arch-fallback", "fedora", "6f2a-6.12.1", "6f2a-6.9.10",
    "6f2a-6.12.1-rc2", "linux-10", "linux-9", "linux-9a", "a", "ab", "a.b", "a-b", "a_b",
    "commit_2", "commit_10", "commit_10@1", "commit_10@2", "000", "x86", "Zulu", "zulu",
    "debian+b1", "v1.2.3",
)  # fmt: skip
_VERSIONS = (
    "1", "2", "10", "6.12.1", "6.12.10", "6.12.1-rc2", "6.12.1~rc2", "6.12.1^git1", "6.12.1.1",
    "6.9", "7@6.12.6-1-default", "Generation 12 NixOS", "1.0", "1.00", "a", "~1", "41.20250101.0",
    "",
)  # fmt: skip
_KEYS = ("arch", "debian", "nixos", "example", "a", "b", "A", "~x", "10", "9")
_MACHINES = ("0" * 32, "1" * 32, "9f" * 16)
_OPTIONS = (
    "root=UUID=1 rw", "quiet  splash", 'dyndbg="file a.c +p" x', "init=/bin/sh -- a", "\ta\tb ",
    "$x ${y}", "console=ttyS0,115200 # no comment", "a=b\\ c", "'single quotes'",
    "ostree=/ostree/boot.0/a/b/0",
)  # fmt: skip
_PATTERNS = (
    "{}", "{}", "{}", "*", "nothing-*", "{}x", "?{:.1}*", "*{:.3}*", "[a-m]*", "[!a-m]*",
    "[^a]*.conf", "*[0-9].conf", "*.efi*", "*@1", "*a*", "{:.4}*", "\\{}", "*[]a]*", "a?b.conf",
    "*-*-*",
)  # fmt: skip


class Tree:
    """A tree to be written: files by their paths below the EFI system partition or XBOOTLDR."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.esp: dict[str, bytes] = {"k/linux": KERNEL, "k/initrd": b"x"}
        self.xbootldr: dict[str, bytes] = {"k/linux": KERNEL, "k/initrd": b"x"}
        self.ids: list[str] = []
        both = self._random.random() < 0.3
        for files in (self.esp, self.xbootldr) if both else (self.esp,):
            for name in self._some(_NAMES, 8):
                self._conf(files, name)
            for name in self._some(_NAMES, 4):
                self._uki(files, name)
            if self._random.random() < 0.25:
                files["loader/addons/all.addon.efi"] = self._addon("all=1")
        if self._random.random() < 0.7:
            self._loader_conf()

    def write(self, esp: Path, xbootldr: Path) -> None:
        """Write both partitions below two folders."""
        for folder, files in ((esp, self.esp), (xbootldr, self.xbootldr)):
            for name, content in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    def _some(self, names: tuple[str, ...], most: int) -> list[str]:
        return self._random.sample(names, self._random.randrange(most + 1))

    def _maybe(self, chance: float, *values: str) -> str | None:
        return self._random.choice(values) if self._random.random() < chance else None

    def _counter(self) -> str:
        counter = self._maybe(0.25, "+3", "+2-1", "+1-2", "+0-3", "+0", "+10-0")
        odd = self._maybe(0.05, "+", "+a", "+1-", "++3", "+3-", "+03-01", "+1+2", "-1", "+3-1-1")
        return odd or counter or ""

    def _conf(self, files: dict[str, bytes], name: str) -> None:
        keys: list[tuple[str, str | None]] = [
            ("title", self._maybe(0.8, "Arch Linux", "Debian", f"Title of {name}")),
            ("sort-key", self._maybe(0.5, *_KEYS)),
            ("version", self._maybe(0.7, *_VERSIONS)),
            ("machine-id", self._maybe(0.4, *_MACHINES)),
            (self._random.choice(("linux",) * 8 + ("efi", "uki")), "/k/linux"),
            ("devicetree", self._maybe(0.1, "/k/dtb", "k/dtb")),
            ("devicetree-overlay", self._maybe(0.1, "/k/o1 /k/o2", "/k/o1")),
            ("initrd", self._maybe(0.7, "/k/initrd")),
            *(("options", self._maybe(0.6, *_OPTIONS)) for _ in range(3)),
            ("profile", self._maybe(0.1, "0", "1", "2")),
            ("future-key", self._maybe(0.05, "value")),
            ("title", self._maybe(0.1, "The last one counts")),
        ]
        lines = [
            (self._maybe(0.1, " ", "\t") or "")
            + f"{key}{self._random.choice((' ', '  ', chr(9)))}{value}"
            for key, value in keys
            if value
        ]
        if self._random.random() < 0.3:
            self._random.shuffle(lines)
            odd = ("# A comment\n", "  # x y", "title", "title\u00a0x", "nokey:x y", "")
            lines.insert(0, self._random.choice(odd))
        end = self._random.choice(("\n", "\n", "\r\n", "\r"))
        name = name.upper() if self._random.random() < 0.05 else name
        self.ids.append(f"{name}.conf")
        ending = "CONF" if self._random.random() < 0.05 else "conf"
        path = f"loader/entries/{name}{self._counter()}.{ending}"
        files[path] = (end.join(lines) + end).encode()

    def _uki(self, files: dict[str, bytes], name: str) -> None:
        fields = {
            "ID": self._maybe(0.9, *_KEYS[:6]),
            "IMAGE_ID": self._maybe(0.2, *_KEYS),
            "NAME": self._maybe(0.5, "Example"),
            "PRETTY_NAME": self._maybe(0.7, '"Example Linux 41"', "'Single Quoted'", "Plain"),
            "IMAGE_VERSION": self._maybe(0.2, "41.2", "41.10"),
            "VERSION": self._maybe(0.3, '"41 (Forty One)"', "41"),
            "VERSION_ID": self._maybe(0.6, "41", "42", "9"),
            "BUILD_ID": self._maybe(0.3, "rolling", "20250101"),
        }
        osrel = "".join(f"{key}={value}\n" for key, value in fields.items() if value)
        if not any(fields[key] for key in ("ID", "IMAGE_ID", "NAME", "PRETTY_NAME")):
            osrel += "NAME=Example\n"
        path = f"EFI/Linux/{name}{self._counter()}.efi"
        self.ids.append(f"{name}.efi")
        profiles = self._profiles() if self._random.random() < 0.4 else []
        files[path] = build_uki(
            arch="x86-64",
            linux=KERNEL,
            cmdline=self._maybe(0.9, *_OPTIONS),
            osrel=osrel,
            uname=self._maybe(0.7, "6.12.1-own", "6.9.10"),
            profiles=profiles,
        )
        if self._random.random() < 0.3:
            for addon in self._some(("b", "a", "c10", "c9"), 3):
                files[f"{path}.extra.d/{addon}.addon.efi"] = self._addon(f"addon={addon}")

    def _profiles(self) -> list[Profile]:
        found = []
        for name in self._random.sample(
            ("main", "rescue", "factory", "", "debug"), self._random.randint(1, 4)
        ):
            title = self._maybe(0.6, f"The {name}", "Profile")
            text = (f"ID={name}\n" if name else "") + (f'TITLE="{title}"\n' if title else "")
            line = self._maybe(0.6, *_OPTIONS)
            found.append(Profile(text, [(".cmdline", line.encode())] if line else ()))
        return found

    def _addon(self, cmdline: str) -> bytes:
        return build_addon(arch="x86-64", cmdline=cmdline)

    def _loader_conf(self) -> None:
        lines = ["timeout 3"]
        for _ in range(self._random.choice((1, 1, 2))):
            wanted = self._random.choice(self.ids or ["none.conf"])
            pattern = self._random.choice(_PATTERNS).format(wanted)
            lines.append(f"{'default' if self._random.random() < 0.9 else 'default '} {pattern}")
        self._random.shuffle(lines)
        self.esp["loader/loader.conf"] = ("\n".join(lines) + "\n").encode()
