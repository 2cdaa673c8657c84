"""What of a command line may be shown to strangers: the values that are known to be harmless."""

from __future__ import annotations

from warmboot.core.boot.cmdline import split_words

REDACTED = "(redacted)"
#: Parameters whose values tell nothing that is secret; - and _ are the same to the kernel.
#: Sources: kernel-parameters.rst, kernel-command-line(7), dracut.cmdline(7).
_NAMES = """
    acpi acpi_osi amd_iommu apparmor apic audit audit_backlog_limit biosdevname boot_image
    bootmem_debug cgroup_disable cgroup_enable clocksource cma console consoleblank coredump
    cpuidle.off crash_kexec_post_notifiers crashkernel debug default_hugepagesz
    deferred_probe_timeout devtmpfs.mount earlycon earlyprintk efi enforcing fastboot fbcon
    fips fsck.mode fsck.repair hpet hugepages hugepagesz hung_task_panic idle ima_appraise
    ima_policy init initcall_debug initrd intel_idle.max_cstate intel_iommu intel_pstate
    io_delay iommu iommu.passthrough iommu.strict ip ipv6.disable irqaffinity isolcpus kaslr
    keep_bootcon kfence.sample_interval kvm.nx_huge_pages kvm_intel.nested l1tf locale.lang
    lockdown log_buf_len loglevel lpj lsm maxcpus mce mds mem memmap mitigations
    mmio_stale_data modprobe.blacklist module.sig_enforce module_blacklist net.ifnames
    nmi_watchdog nohz nohz_full nosmp nosmt nouveau.modeset nr_cpus numa numa_balancing
    nvme_core.default_ps_max_latency_us nvme_core.multipath oops panic panic_on_oops
    panic_on_warn pci pci_pcie_bus pcie_aspm pcie_ports plymouth.enable
    plymouth.ignore_serial_consoles preempt printk.devkmsg printk.time processor.max_cstate
    pti quiet ramdisk_size randomize_kstack_offset rcu_nocbs rcupdate.rcu_cpu_stall_timeout
    rd.break rd.debug rd.driver.blacklist rd.driver.pre rd.dm rd.luks rd.luks.uuid rd.lvm
    rd.lvm.lv rd.lvm.vg rd.md rd.md.uuid rd.multipath rd.neednet rd.retry rd.shell
    rd.systemd.unit rd.timeout rdinit reboot reserve resume resume_offset retbleed rhgb ro
    root rootdelay rootfstype rootwait rw security selinux slab_nomerge slub_debug
    softlockup_panic spec_store_bypass_disable spectre_v2 splash srbds swapaccount swiotlb
    systemd.default_device_timeout_sec systemd.firstboot systemd.gpt_auto
    systemd.journald.forward_to_console systemd.log_level systemd.log_target systemd.mask
    systemd.show_status systemd.unified systemd.unified_cgroup_hierarchy systemd.unit
    systemd.volatile systemd.wants thermal.off tpm_tis.force transparent_hugepage tsc tsx
    tsx_async_abort udev.log_level udev.log_priority usbcore.autosuspend vconsole.font
    vconsole.keymap vga video vsyscall watchdog zswap.compressor zswap.enabled
    zswap.max_pool_percent
"""
HARMLESS = frozenset(_NAMES.replace("-", "_").split())
_WITH_AT = frozenset(("crashkernel", "mem", "memmap", "cma", "initrd"))
_TAGS = ("UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=", "uuid=", "partuuid=")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:;/+-^~()*")
_MARKS = ("=", "://", "@", "--", '"')


def redact_line(text: str) -> str:
    """Return a command line, or any other text, in which only harmless values are left.

    Words end as the kernel ends them (next_arg() in lib/cmdline.c): at a blank that is not between
    double quotes. Where quotes stand so that a line put into other text could be read in another
    way, all behind the first one goes. What stands behind ``--`` is for init, which takes anything.
    The text is read once.
    """
    if not any(mark in text for mark in _MARKS):
        return text
    plain, rest = text, ""
    if _is_doubtful(text):
        at = text.index('"')
        start = 1 + max(text.rfind(blank, 0, at) for blank in " \t\n\v\f\r")
        name, equals, _ = text[start:at].partition("=")
        plain, rest = text[:start], f"{_bare(name)}{equals}{REDACTED}"
    shown: list[str] = []
    position = 0
    for_init = False
    for word in split_words(plain):
        start = plain.index(word, position)
        shown.append(plain[position:start])
        position = start + len(word)
        shown.append(REDACTED if for_init else _word(word))
        for_init = for_init or word == "--"
    return "".join((*shown, plain[position:], rest))


def _is_doubtful(text: str) -> bool:
    """Whether a quote opens within a word, closes within one, or is not closed."""
    opened = False
    padded = f" {text} "
    position = padded.find('"')
    while position >= 0:
        beside = padded[position + 1] if opened else padded[position - 1]
        if not (beside.isspace() or (beside == "=" and not opened)):
            return True
        opened = not opened
        position = padded.find('"', position + 1)
    return opened


def _word(word: str) -> str:
    name, equals, value = word.partition("=")
    if not equals:
        return _bare(word)
    quoted = name.startswith('"')
    key = name.removeprefix('"').replace("-", "_").lower()
    plain = value.removesuffix('"') if quoted else value
    if key in HARMLESS and _is_plain(key, plain):
        return word
    return f"{_bare(name)}={REDACTED}"


def _bare(word: str) -> str:
    """Return a word without a value; addresses that may hold a user and a password go."""
    scheme, found, _ = word.partition("://")
    if found:
        return f"{scheme}://{REDACTED}"
    user, at, _ = word.partition("@")
    return REDACTED if at and ":" in user else word


def _is_plain(key: str, value: str) -> bool:
    for tag in _TAGS:
        value = value.removeprefix(tag)
    if "://" in value:
        return False
    if key in _WITH_AT:
        value = value.replace("@", "").replace("!", "")
    return _PLAIN.issuperset(value)
