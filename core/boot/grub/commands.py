"""The commands of GRUB that say something of a menu; all others have an unknown answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from warmboot.core.boot.filesystems import By, Spec
from warmboot.core.boot.grub import import_commands, loading, menus, probing
from warmboot.core.boot.grub.condition import evaluate
from warmboot.core.boot.grub.files import Facts, UndecidedError
from warmboot.core.boot.grub.options import parse_options
from warmboot.core.boot.grub.run import Handler, Run
from warmboot.core.boot.grub.state import Status
from warmboot.core.boot.grub.values import is_known, unknown

FAILED = 1


def _succeed(run: Run, words: Sequence[str]) -> Status:
    del run, words
    return 0


def _fail(run: Run, words: Sequence[str]) -> Status:
    del run, words
    return FAILED


def _test(run: Run, words: Sequence[str]) -> Status:
    def look(path: str) -> Facts | None:
        run.budget.step(10)
        return run.files.facts(run.place(path))

    answer = evaluate(words, look)
    return None if answer is None else int(not answer)


def _set(run: Run, words: Sequence[str]) -> Status:
    """Set one variable: what stands behind it is left aside."""
    if not words:
        return 0
    name, equals, value = words[0].partition("=")
    if not equals or not is_known(name):
        return None if not is_known(name) else 18
    run.set(name, value)
    return 0


def _unset(run: Run, words: Sequence[str]) -> Status:
    if words and is_known(words[0]):
        if run.weak and run.variables.get(words[0]):
            run.set(words[0], "")
        else:
            run.variables.unset(words[0])
    return 0


def _export(run: Run, words: Sequence[str]) -> Status:
    for name in words:
        if is_known(name):
            run.variables.values.setdefault(name, "")
            run.variables.exported.add(name)
    return 0


def _break(run: Run, words: Sequence[str]) -> Status:
    return _leave(run, words, continuing=False)


def _continue(run: Run, words: Sequence[str]) -> Status:
    return _leave(run, words, continuing=True)


def _leave(run: Run, words: Sequence[str], *, continuing: bool) -> Status:
    count = _count(words)
    if count is None or count == 0:
        return FAILED
    run.continuing = continuing
    run.breaks = min(count, run.loops)
    return 0


def _count(words: Sequence[str]) -> int | None:
    if not words:
        return 1
    return int(words[0]) if len(words) == 1 and _number(words[0]) else None


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9


def _return(run: Run, words: Sequence[str]) -> Status:
    if run.parameters is None or len(words) > 1 or (words and not _number(words[0])):
        return FAILED
    run.returning = True
    return int(words[0]) if words else run.status


def _shift(run: Run, words: Sequence[str]) -> Status:
    count = _count(words)
    if run.parameters is None:
        return 0
    if count is None or count > len(run.parameters):
        return FAILED
    run.parameters = run.parameters[count:]
    return 0


def _setparams(run: Run, words: Sequence[str]) -> Status:
    if run.parameters is None:
        return FAILED
    run.parameters = list(words)
    return 0


def _eval(run: Run, words: Sequence[str]) -> Status:
    if not words:
        return 0
    text = " ".join(words)
    if not is_known(text):
        run.doubt("what it evaluates")
        return None
    run.text(text + "\n")
    return run.status


def _loopback(run: Run, words: Sequence[str]) -> Status:
    options = parse_options(words, (), ("delete", "decompress"), {"d": "delete", "D": "decompress"})
    if options is None or len(options.words) < 2 or not is_known(options.words[0]):
        return None
    name, path = options.words[:2]
    try:
        image = run.place(path)
    except UndecidedError:
        run.loops_named[name] = Spec(By.IMAGE, "")
    else:
        run.loops_named[name] = Spec(By.IMAGE, image.path)
    return 0


def _other_menu(run: Run, words: Sequence[str]) -> Status:
    """A menu of another boot loader, shown by GRUB: what is in it is not followed."""
    del words
    if run.item is not None:
        run.item.note("it shows the menu of another boot loader, which is not followed")
    return None


def _unknown_variable(run: Run, words: Sequence[str]) -> Status:
    """A command that sets variables to what it finds in the hardware."""
    for word, following in pairwise([*words, ""]):
        name = word[6:] if word.startswith("--set=") else following if word == "--set" else ""
        name = name.rpartition(":")[2]
        if name and is_known(name):
            run.variables.set(name, unknown(name))
    return None


def _hwmatch(run: Run, words: Sequence[str]) -> Status:
    del words
    run.variables.set("match", unknown("match"))
    return None


def _read(run: Run, words: Sequence[str]) -> Status:
    """Wait for a line that somebody types."""
    for name in words:
        if is_known(name) and not name.startswith("-"):
            run.variables.set(name, unknown(name))
    return 0


def _acpi(run: Run, words: Sequence[str]) -> Status:
    if run.item is not None and words:
        run.item.note("the ACPI tables that GRUB puts in are not handed over")
    return None


def _nothing(run: Run, words: Sequence[str]) -> Status:
    del run, words
    return None


#: Commands that change nothing that a menu shows, or ask the machine. A function of such a name is
#: never reached; what they answer is not known.
_ASKING = """
    915resolution all_functional_test authenticate background_color background_image backtrace
    badram blocklist boot cat cbmemc cmosclean cmosdump cmosset cmostest cmp coreboot_boottime
    cpuid crc cryptomount cutmem date distrust drivemap dump efiemu_loadcore efiemu_prepare
    efiemu_unload fakebios file fix_video functional_test gdbstub gdbstub_break gdbstub_stop
    getenv gptsync hashsum hdparm hello help hexdump hexdump_random inb inl inw keymap keystatus
    kfreebsd_loadenv kfreebsd_module kfreebsd_module_elf knetbsd_module knetbsd_module_elf
    kopenbsd_ramdisk legacy_check_password legacy_initrd legacy_initrd_nounzip legacy_password
    list_env list_trusted loadbios loadfont ls lsacpi lsapm lscoreboot lsefi lsefimmap
    lsefisystab lsfonts lsmmap lsmod lspci lssal macppcbless mactelbless md5sum module module2
    nativedisk net_add_addr net_add_dns net_add_route net_bootp net_bootp6 net_del_addr
    net_del_dns net_del_route net_dhcp net_get_dhcp_option net_ipv6_autoconf net_ls_addr
    net_ls_cards net_ls_dns net_ls_routes net_nslookup normal_exit outb outl outw parttool
    password password_pbkdf2 pcidump play rdmsr read_byte read_dword read_word rmmod sendkey
    serial setpci sha1sum sha256sum sha512sum smbios terminal_input terminal_output terminfo
    test_blockarg testload testspeed time tr trust usb vbeinfo vbetest verify_detached videoinfo
    videotest write_byte write_dword write_word wrmsr xen_module xnu_devprop_load xnu_kext
    xnu_kextdir xnu_mkext xnu_ramdisk xnu_splash xnu_uuid zfs-bootfs zfsinfo zfskey
"""
_QUIET = ("echo", "true", "clear", "sleep", "gettext")

COMMANDS: dict[str, Handler] = {
    **dict.fromkeys(_ASKING.split(), _unknown_variable),
    **dict.fromkeys(_QUIET, _succeed),
    "insmod": _nothing,
    "acpi": _acpi,
    "false": _fail,
    "test": _test,
    "[": _test,
    "set": _set,
    "unset": _unset,
    "export": _export,
    "break": _break,
    "continue": _continue,
    "return": _return,
    "shift": _shift,
    "setparams": _setparams,
    "eval": _eval,
    "loopback": _loopback,
    "hwmatch": _hwmatch,
    "read": _read,
    **dict.fromkeys(
        (
            "syslinux_configfile", "syslinux_source", "legacy_configfile", "legacy_source",
            "extract_syslinux_entries_source", "extract_syslinux_entries_configfile",
            "extract_legacy_entries_source", "extract_legacy_entries_configfile",
        ),
        _other_menu,
    ),
    **menus.COMMANDS,
    **import_commands.COMMANDS,
    **loading.COMMANDS,
    **probing.COMMANDS,
}  # fmt: skip
