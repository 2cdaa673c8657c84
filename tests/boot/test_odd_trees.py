"""Odd trees, each a kind of its own: what is listed, what starts by itself, what is said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from support.files import put
from support.loader_files import kernel

from warmboot.core.boot.entry import Listing
from warmboot.core.boot.find import find_entries
from warmboot.core.boot.loadervars import Running
from warmboot.core.boot.root import BootRoot

GRUB, SYSLINUX, EXTLINUX = (
    "boot/grub/grub.cfg",
    "boot/syslinux/syslinux.cfg",
    "boot/extlinux/extlinux.conf",
)
BLS = "efi/loader/entries"
ENV = "# GRUB Environment Block\n"


class Tree(NamedTuple):
    """Files (``K 6.1`` is a kernel of that release), and what is right for each title.

    An expected entry is its command line; where it starts with ``!``, what its problem holds;
    with ``~``, what one of its notes holds. `default` is a title; `said` is part of a notice.
    """

    files: Mapping[str, str]
    expected: Mapping[str, str]
    default: str | None = None
    said: str | None = None


def grub(text: str, **more: str) -> dict[str, str]:
    return {"boot/k": "K 6.1", GRUB: text, **more}


def entry(title: str, words: str, before: str = "") -> str:
    return f"menuentry '{title}' {{ {before}\nlinux /boot/k {words}\n}}\n"


TREES = {
    # GRUB's language
    "grub words": Tree(grub("x='a b'\n" + entry("w", '$x "$x" ${x}c \'$x\' \\$x')),
                       {"w": 'a b "a b" a bc $x $x'}, "w"),
    "grub function arguments": Tree(
        grub("function f {\nmenuentry \"$1\" $2 { linux /boot/k $2 $#; }\n}\nf 'a b' c\n"),
        {"a b": "c 2"}, "a b"),
    "grub comment lines": Tree(grub("# menuentry no {\n" + entry("c", "a#b # gone")), {"c": "a#b"}),
    "grub semicolons": Tree(grub("menuentry s { set a=1; linux /boot/k $a; }"), {"s": "1"}),
    "grub block without blanks": Tree(grub("menuentry 'b'{\nlinux /boot/k b\n}"), {"b": "b"}),
    "grub continued": Tree(grub("menuentry c {\nlinux /boot/k a\\\nb \\\n c\n}"), {"c": "ab c"}),
    "grub shift": Tree(grub("menuentry s x y { shift; linux /boot/k $1 $#\n}"), {"s": "x 2"}),
    "grub return": Tree(grub("function r { o=1; return; o=2; }\nr\n" + entry("r", "$o")),
                 {"r": "1"}),
    "grub break": Tree(grub("for i in 1 2 3; do if [ $i = 2 ]; then break; fi; o=$i; done\n"
                            + entry("b", "$o")), {"b": "1"}),
    "grub nested quotes": Tree(grub(entry("q", '"a \\"b\\" c"')), {"q": '"a \\"b\\" c"'}),
    "grub status": Tree(grub("false\no=$?\n" + entry("s", "$o")), {"s": "1"}),
    "grub fault": Tree(grub("if true; then fi\nmenuentry x { linux /boot/k ( ) ; ; }\n"
                            + entry("good", "g")), {"good": "g"}, "good"),
    "grub alternatives": Tree(
        grub("regexp --set 1:a '^(xen|vmlinuz|linux)+-' vmlinuz-6\n" + entry("r", "$a")),
        {"r": "vmlinuz"}),
    "grub files": Tree(
        grub("[ -d /boot ]; a=$?; [ -s /empty ]; b=$?; [ -f /boot ]; c=$?; [ -e /no ]; d=$?\n"
             + entry("f", "$a$b$c$d"), empty=""), {"f": "0111"}),
    "grub newer": Tree(grub("if [ /boot/k -nt /no ]; then o=new; fi\n" + entry("n", "$o")),
                 {"n": "new"}),
    "grub numbers": Tree(grub("if [ 010 -eq 8 -a 0x10 -eq 16 ]; then o=y; fi\n" + entry("n", "$o")),
                         {"n": "y"}),
    "grub translated": Tree(grub('x=1\nmenuentry $"t $x" { linux /boot/k t\n}'), {"t 1": "t"}),
    # What starts
    "default number": Tree(grub("default=1\n" + entry("a", "a") + entry("b", "b")),
                           {"a": "a", "b": "b"}, "b"),
    "default none": Tree(grub("default=9\n" + entry("a", "a") + entry("b", "b")), {}, "a"),
    "default path": Tree(
        grub("default='s>1'\nsubmenu s {\n" + entry("a", "a") + entry("b", "b") + "}\n"), {}, "b"),
    "default with an arrow": Tree(
        grub("default='a>>b'\n" + entry("x", "x") + entry("a>b", "y")), {}, "a>b"),
    "default saved": Tree(grub('load_env\ndefault="$saved_entry"\n' + entry("a", "a")
                               + entry("b", "b"), **{"boot/grub/grubenv": ENV + "saved_entry=b\n"}),
                          {}, "b"),
    "default in doubt": Tree(grub("if cpuid -l; then default=1; fi\n" + entry("a", "a")
                                  + entry("b", "b")), {"a": "a"}, None),
    "default submenu": Tree(grub("submenu s { default=1\n" + entry("a", "a") + entry("b",
                 "b") + "}"),
                            {}, "b"),
    # What is no Linux, or is elsewhere
    "xen": Tree(grub("menuentry x { multiboot2 /xen.gz\nmodule2 /boot/k\n}\n" + entry("l", "l")),
                {"x": "!starts Xen", "l": "l"}, "x"),
    "chain": Tree(grub("menuentry w { chainloader +1\n}\nmenuentry e { exit\n}"),
                  {"w": "!another boot loader", "e": "!firmware's next choice"}),
    "another disk": Tree(grub(entry("o", "o", "search --set=root --fs-uuid AB"),
                              **{"etc/fstab": "UUID=CD / ext4 x 0 0\n"}), {"o": "!file system AB"}),
    "drive": Tree(grub(entry("d", "d", "search --set=drive1 --fs-uuid CD").replace(
        "/boot/k", "($drive1)/boot/k"), **{"etc/fstab": "UUID=CD / ext4 x 0 0\n"}), {"d": "d"}),
    "unset drive": Tree(grub("menuentry d { linux ($drive2)/boot/k\n}"),
                 {"d": "!lies on no device"}),
    "no folder": Tree(grub("menuentry n { linux boot/k\n}"), {"n": "!has no folder in its name"}),
    "hardware": Tree(grub("hwmatch /x 3\n" + entry("h", "a m=$match b")), {"h": "~$match"}),
    "net": Tree(grub("menuentry n { linux (http,10.0.0.1)/boot/k\n}"),
                 {"n": "!GRUB's device http"}),
    "loop": Tree(grub("menuentry i { loopback l /a.iso\nlinux (l)/boot/k\n}"),
                 {"i": "!image /a.iso"}),
    "newc": Tree(grub("menuentry n { linux /boot/k\ninitrd newc:a:/boot/k\n}"), {"n": "!newc:"}),
    "password": Tree(grub("superusers=a\n" + entry("p", "p")), {"p": "~password"}),
    "other menu": Tree(grub("menuentry s { syslinux_configfile /x.cfg\n}"),
                 {"s": "!starts no kernel"}),
    # SYSLINUX and U-Boot
    "sys help": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                      "LABEL a\nTEXT HELP\nLABEL no\nKERNEL no\nENDTEXT\nKERNEL k\nAPPEND x\n"},
                     {"a": "x"}, "a"),
    "sys append": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                        "APPEND all\nLABEL a\nKERNEL k\nLABEL b\nKERNEL k\nAPPEND -\n"},
                       {"a": "all", "b": ""}, "a"),
    "sys menu default": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                              "DEFAULT vesamenu.c32\nLABEL a\nKERNEL k\nLABEL b\nMENU DEFAULT\n"
                              "KERNEL k\nAPPEND b\n"}, {"a": "", "b": "b"}, "b"),
    "sys default wins": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                              "UI menu.c32\nDEFAULT a\nLABEL a\nKERNEL k\nLABEL b\nMENU DEFAULT\n"
                              "KERNEL k\nAPPEND b\n"}, {}, "a"),
    "sys timeout": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                         "DEFAULT a\nONTIMEOUT b\nLABEL a\nKERNEL k\nLABEL b\n"
                         "KERNEL k\nAPPEND b\n"},
                        {}, "b"),
    "sys submenu": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                         "MENU BEGIN m\nMENU TITLE Sub\nLABEL a\nMENU LABEL ^One\n"
                         "KERNEL k\nMENU END\n"},
                        {"Sub > One": ""}),
    "sys include": Tree({"boot/syslinux/k": "K 6.1", "boot/syslinux/i.cfg": "LABEL i\nKERNEL k\n",
                         SYSLINUX: "INCLUDE i.cfg\nMENU INCLUDE gone.cfg\n"}, {"i": ""},
                         None, "gone.cfg"),
    "sys programs": Tree({"boot/syslinux/k": "K 6.1", SYSLINUX:
                          "LABEL c\nCOM32 x.c32\nLABEL l\nLOCALBOOT 0\nLABEL b\nBOOT x.bin\n"
                          "LABEL k\nKERNEL x.c32\n"},
                         {"c": "!COM32", "l": "!firmware", "b": "!boot sector", "k": "!COM32"}),
    "sys endings": Tree({"boot/k.bin": "K 6.1", "boot/k.img": "K 6.2",
                 "boot/v-6.6.0": "K 6.6.0", EXTLINUX:
                         "LABEL a\nLINUX /k.bin\nLABEL b\nKERNEL /k.img\nLABEL c\n"
                         "KERNEL /v-6.6.0\n"},
                        {"a": "", "b": "", "c": ""}, "a"),
    "sys initrds": Tree({"boot/k": "K 6.1", "boot/a": "x", EXTLINUX:
                         "LABEL a\nLINUX /k\nINITRD /a,/gone\n"},
                             {"a": "~/boot/gone is not there"}),
    "sys no label": Tree({"boot/k": "K 6.1", EXTLINUX: "DEFAULT zz\nLABEL a\nLINUX /k\n"},
                         {"a": ""}, None, "none of its labels"),
    "uboot tree": Tree({"boot/k": "K 6.1", EXTLINUX: "LABEL a\nLINUX /k\nFDT /gone.dtb\n"},
                       {"a": "~device tree /boot/gone.dtb is not there"}),
    "uboot from the root": Tree({"boot/k": "K 6.1", EXTLINUX:
                                 "LABEL a\nLINUX /boot/k\nFDT /usr/gone.dtb\n"},
                                {"a": "~device tree /usr/gone.dtb is not there"}),
    "uboot own tree": Tree({"boot/k": "K 6.1", EXTLINUX: "LABEL a\nLINUX /k\nFDT -\n"},
                           {"a": "~the device tree that U-Boot has"}),
    "uboot fit": Tree({"boot/k": "K 6.1", EXTLINUX: "LABEL a\nKERNEL /k#conf-1\n"}, {"a": ""}),
    # Boot loader entries
    "bls quotes": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": 'title "A b"\nlinux /k\n'
                        'options "x y"\n'},
                       {"A b": "x y"}, "A b"),
    "bls lines": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": "linux /k\noptions a\noptions b\n"},
                      {"a.conf": "a b"}),
    "bls first line under grub": Tree(
        {"boot/k": "K 6.1", "boot/loader/entries/a.conf": "linux /k\noptions a\noptions b\n",
         GRUB: "blscfg\n"}, {"a.conf": "a"}, "a.conf"),
    "bls variables": Tree(
        {"boot/k": "K 6.1", "boot/loader/entries/a.conf": "linux /k\noptions $o $no ${p}z\n",
         GRUB: "o=1\np=2\nblscfg\n"}, {"a.conf": "1  2z"}),
    "bls two kernels": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": "linux /k\nefi /k\n"},
                            {"a.conf": "!only one may stand"}),
    "bls none": Tree({f"{BLS}/a.conf": "title T\noptions x\n"}, {"T": "!names no kernel"}),
    "bls extra": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": "linux /k\nextra /c.cred\nodd x\n"},
                      {"a.conf": "~/c.cred"}),
    "bls pattern": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": "linux /k\n"
    "", f"{BLS}/ab.conf": "linux /k\n",
                         "efi/loader/loader.conf": "default [a]?conf\ndefault a.c*\n"}, {},
                             "a.conf"),
    "bls automatic": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": "linux /k\n",
                           "efi/loader/loader.conf": "default auto-windows\n"},
                          {}, None, "no Linux system"),
    "bls counted": Tree({"efi/k": "K 6.1", f"{BLS}/b+0-3.conf": "linux /k\n",
                         f"{BLS}/a+1.conf": "linux /k\noptions a\n"}, {}, "a.conf"),
    "bls other kind": Tree({"efi/k": "K 6.1", f"{BLS}/a.conf": "linux /k\n",
                            "efi/loader/entries.srel": "type2\n"}, {}, None, "entries.srel says"),
    # Menus that are not read
    "unread": Tree({"boot/grub/menu.lst": "x"}, {}, None, "GRUB Legacy reads it"),
    "unread lilo": Tree({"etc/lilo.conf": "x"}, {}, None, "LILO reads it"),
    "unread kboot": Tree({"boot/kboot.conf": "x"}, {}, None, "kboot reads it"),
    "unread yaboot": Tree({"boot/etc/yaboot.conf": "x"}, {}, None, "yaboot reads it"),
    "unread shell": Tree({"boot/efi/startup.nsh": "x"}, {}, None, "the EFI shell reads it"),
    "logical volume": Tree(grub("menuentry v { linux (lvm/vg-root)/boot/k v\n}",
                                **{"etc/fstab": "/dev/mapper/vg-root / ext4 x 0 0\n"}),
                           {"v": "v"}),
    "logical volume elsewhere": Tree(grub("menuentry v { linux (lvm/vg-other)/boot/k v\n}",
                                          **{"etc/fstab": "/dev/mapper/vg-root / ext4 x 0 0\n"}),
                                     {"v": "!/dev/mapper/vg-other, which is not"}),
    # Files alone
    "aside": Tree({f"boot/vmlinuz-6.{n}{end}": f"K 6.{n}" for n, end in
                   enumerate((".bak", ".dpkg-bak", ".orig", ".old"))},
                  {"Linux 6.0 (bak)": "", "Linux 6.1 (dpkg-bak)": "", "Linux 6.2 (orig)": "",
                   "Linux 6.3 (old)": ""}),
    "programs": Tree({f"boot/{name}": "K 1" for name in
                      ("memtest86+x64.efi", "ipxe.lkrn", "xen-4.17.gz", "memdisk", "tboot.gz")},
                     {"memtest86+x64.efi": "!memory test", "ipxe.lkrn": "!iPXE",
                      "xen-4.17.gz": "!Xen", "memdisk": "!loader of kernels",
                      "tboot.gz": "!loader of kernels"}),
    "debuggers": Tree({"boot/vmlinuz-6.1": "K 6.1", "boot/vmlinux-6.1": "x",
                 "boot/vmlinux-6.1.gz": "x"},
                      {"vmlinux-6.1": "!vmlinuz-6.1 is the one",
                      "vmlinux-6.1.gz": "!for debuggers"}),
    "names": Tree({"boot/kernel8.img": "K 6.1.8", "boot/kernel-6.2-gentoo": "K 6.2-gentoo",
                   "boot/bzImage": "K 6.3", "boot/vmlinuz-6.4.sig": "x",
                       "boot/System.map-6.4": "x"},
                  {"kernel8.img": "", "Linux 6.2-gentoo": "", "bzImage": ""}),
}  # fmt: skip


def listing(root: Path, files: Mapping[str, str]) -> Listing:
    for name, text in files.items():
        put(root, name, kernel(text[2:]) if text.startswith("K ") else text)
    return find_entries(BootRoot(root), Running.read(root, "none", ""))


@pytest.mark.parametrize("name", list(TREES))
def test_odd_trees(tmp_path: Path, name: str) -> None:
    tree = TREES[name]
    found = listing(tmp_path, tree.files)
    by_title = {one.title: one for one in found.entries}
    for title, wanted in tree.expected.items():
        one = by_title[title]
        if wanted.startswith("!"):
            assert wanted[1:] in (one.problem or ""), (title, one.problem)
        elif wanted.startswith("~"):
            assert any(wanted[1:] in note for note in one.notes), (title, one.notes)
        else:
            assert (one.problem, one.cmdline or "") == (None, wanted), title
    if tree.default is not None or tree.said is not None or name == "default in doubt":
        assert [one.title for one in found.entries if one.default] == (
            [] if tree.default is None and name != "sys include" else [tree.default or "i"]
        )
    if tree.said is not None:
        assert any(tree.said in place.result for place in found.searched if place.notice)
    for one in found.entries:
        for text in (one.title, one.problem or "", *one.notes, one.kernel):
            assert text.isprintable()
            assert "/boot/boot" not in text
