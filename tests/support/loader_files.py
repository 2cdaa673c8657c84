"""Files of boot loaders, for tests: entries, menus, environment blocks, variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.files import put
from warmboot.core.sandbox.builders.bzimage import build_bzimage

MACHINE = "3d1f2a7b9c4e4d5f8a6b7c8d9e0f1a2b"
UUID = "2b1de7a4-5c3f-4e0a-9d57-0f6a1c2b3d4e"
_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def kernel(release: str) -> bytes:
    """Return a small bzImage that differs from that of every other release."""
    return build_bzimage(release, body_size=4096)


def loader_variable(root: Path, name: str, value: str) -> None:
    """Write a variable of the Boot Loader Interface as efivarfs shows it."""
    raw = b"\x06\0\0\0" + value.encode("utf-16-le") + b"\0\0"
    put(root, f"sys/firmware/efi/efivars/{name}-{_VENDOR}", raw)


def bls(**keys: str | list[str]) -> str:
    """Return a type 1 entry; ``machine_id`` stands for machine-id, a list for repeated keys."""
    lines = []
    for key, value in keys.items():
        values = [value] if isinstance(value, str) else value
        lines += [f"{key.replace('_', '-')} {one}" for one in values]
    return "\n".join(lines) + "\n"


def grubenv(variables: Mapping[str, str]) -> str:
    """Return an environment block: 1024 bytes, padded with ``#``."""
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    return ("# GRUB Environment Block\n" + lines).ljust(1024, "#")


def menu_entry(
    title: str,
    linux: str,
    initrd: str,
    *,
    ident: str,
    command: str = "linux",
    before: str = "",
    depth: int = 0,
) -> str:
    """Return a menu entry in the form that grub-mkconfig's 10_linux gives it."""
    tab = "\t" * depth
    body = [
        "load_video",
        "insmod gzio",
        "if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi",
        "insmod part_gpt",
        "insmod ext2",
        f"search --no-floppy --fs-uuid --set=root {UUID}",
        *([before] if before else []),
        f"echo\t'Loading {title} ...'",
        f"{command}\t{linux}",
        "echo\t'Loading initial ramdisk ...'",
        f"{command.replace('linux', 'initrd')}\t{initrd}",
    ]
    head = (
        f"{tab}menuentry '{title}' --class gnu-linux --class os $menuentry_id_option '{ident}' {{"
    )
    return "\n".join([head, *(f"{tab}\t{line}" for line in body), f"{tab}}}"])


def submenu(title: str, ident: str, entries: list[str]) -> str:
    """Return a submenu."""
    return "\n".join([f"submenu '{title}' $menuentry_id_option '{ident}' {{", *entries, "}"])


_HEADER = """\
### BEGIN /etc/grub.d/00_header ###
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi

if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}
set timeout=5
### END /etc/grub.d/00_header ###
"""


def grub_cfg(*parts: str, default: str = "0") -> str:
    """Return a grub.cfg: the usual header, then `parts`."""
    return "\n".join([_HEADER.replace("DEFAULT", default), *parts, ""])
