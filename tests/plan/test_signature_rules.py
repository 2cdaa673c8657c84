"""The table of signature rules says what the kernel's own functions decide, in each combination."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.files import put
from support.machines import make_a_plan, make_machine

from warmboot.core.bpf.abi import Dialect
from warmboot.core.errors import Refused
from warmboot.core.host import Host, read_host
from warmboot.core.host.live_state import LiveState, read_live_state
from warmboot.core.images import BytesView
from warmboot.core.plan.checks.base import Finding, Verdict
from warmboot.core.plan.checks.policy import (
    GUARDS,
    memory_load_barred,
    signature_rule,
    signed_way,
)
from warmboot.core.plan.request import Call
from warmboot.core.sandbox.builders.kernel import build_arm64_image
from warmboot.core.sandbox.kernel_answer import KernelErrno
from warmboot.core.sandbox.kernel_keyring import check_memory_load, check_signature

OPTIONS = (
    *("KEXEC_VERIFY_SIG", "KEXEC_SIG", "KEXEC_SIG_FORCE", "IMA_ARCH_POLICY"),
    "IMA_SECURE_AND_OR_TRUSTED_BOOT",
)
APPRAISED = "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n"


def combinations() -> Iterator[tuple[frozenset[str], str, bool, bool]]:
    """Every set of build options that Kconfig allows, lockdown, secure boot, IMA's policy."""
    for count in range(len(OPTIONS) + 1):
        for chosen in itertools.combinations(OPTIONS, count):
            options = frozenset(chosen)
            if "KEXEC_SIG_FORCE" in options and "KEXEC_SIG" not in options:
                continue
            if {"KEXEC_VERIFY_SIG", "KEXEC_SIG"} <= options:
                continue  # the old name and the new one
            for lockdown in ("none", "integrity", "confidentiality"):
                for secure_boot, ima in itertools.product((False, True), repeat=2):
                    yield options, lockdown, secure_boot, ima


def file_load_takes_unsigned(
    options: frozenset[str], locked: bool, secure: bool, ima: bool
) -> bool:
    """kimage_file_prepare_segments() and what IMA's hook says, put down once more."""
    if "KEXEC_VERIFY_SIG" in options:
        return False
    arch_policy = "IMA_ARCH_POLICY" in options and secure
    appraised = ima or (arch_policy and "KEXEC_SIG" not in options)
    if "KEXEC_SIG" in options:
        if "KEXEC_SIG_FORCE" in options or arch_policy:
            return False
        if locked and not appraised:
            return False
    return not appraised


def memory_load_is_taken(options: frozenset[str], locked: bool, secure: bool, ima: bool) -> bool:
    """kexec_load_check() and ima_load_data()."""
    verifies = bool(options & {"KEXEC_SIG", "KEXEC_VERIFY_SIG"})
    trusted = "IMA_SECURE_AND_OR_TRUSTED_BOOT" in options
    return not (locked or ima or (verifies and secure and trusted))


def machine(root: Path, case: tuple[frozenset[str], str, bool, bool]) -> Host:
    options, lockdown, secure_boot, ima = case
    put(root, "sys/kernel/security/ima/policy", APPRAISED if ima else "\n")
    config = {"KEXEC_FILE": "y", "KEXEC": "y", **dict.fromkeys(options, "y")}
    return replace(read_host(root), config=config, lockdown=lockdown, secure_boot=secure_boot)


def test_every_combination(tmp_path: Path) -> None:
    root = make_machine(tmp_path)
    unsigned = BytesView(build_arm64_image("6.12.1", body_size=60_000))
    for case in combinations():
        options, lockdown, secure, ima = case
        host, locked = machine(root, case), lockdown != "none"
        rule, barred = signature_rule(host, ima), memory_load_barred(host, ima)
        taken = file_load_takes_unsigned(options, locked, secure, ima)
        assert (rule is None or not rule.enforced) == taken, case
        assert (barred is None) == memory_load_is_taken(options, locked, secure, ima), case
        for said, check in (
            (taken, partial(check_signature, unsigned, host)),
            (barred is None, partial(check_memory_load, host)),
        ):
            if said:
                check()
            else:
                with pytest.raises((KernelErrno, Refused)):
                    check()


def test_each_rule_names_its_source_and_its_call() -> None:
    assert {guard.call for guard in GUARDS} == {Call.FILE, Call.LOAD}
    assert all(guard.source and guard.cause for guard in GUARDS)


def test_a_signed_image_is_refused_where_the_kernel_cannot_verify_it(tmp_path: Path) -> None:
    """kexec_image_verify_sig() answers EKEYREJECTED without a verifier, and enforcement ends there.

    In each combination: what is refused unsigned is refused signed, but where IMA's counts.
    """
    root = make_machine(tmp_path)
    kernel = build_arm64_image("6.12.1", body_size=60_000)
    for case in combinations():
        options, lockdown, secure, ima = case
        taken = file_load_takes_unsigned(options, lockdown != "none", secure, ima)
        for verifies in (True, False):
            host = machine(root, case)
            config = {
                **(host.config or {}),
                **({"KEXEC_IMAGE_VERIFY_SIG": "y"} if verifies else {}),
            }
            host = replace(host, config=config)
            live = replace(read_live_state(root), ima_appraises=ima)
            found = plan(host, kernel, live)
            rule = signature_rule(host, ima)
            beside = rule is not None and not rule.in_file
            refused = not taken and not verifies and not beside
            assert (found.verdict is Verdict.FAIL) == refused, (case, verifies, found)
            if refused:
                with pytest.raises(KernelErrno):
                    check_signature(BytesView(kernel), host)


def plan(host: Host, kernel: bytes, live: LiveState) -> Finding:
    files, context = {"signed": True}, {"live": live}
    findings = make_a_plan(host, kernel, files=files, context=context).findings
    return next(one for one in findings if one.check == "signature")


def test_what_would_work_is_what_the_kernels_dialect_takes(tmp_path: Path) -> None:
    root = make_machine(tmp_path)
    host = replace(read_host(root), machine="aarch64", lockdown="integrity")
    host = replace(host, config={"KEXEC_FILE": "y", "KEXEC_IMAGE_VERIFY_SIG": "y"})
    confidential = replace(host, lockdown="confidentiality")
    assert "loaded as it is; or" in signed_way(host)
    assert "loaded as it is" not in signed_way(host, Dialect.V6)
    assert "envelope --sign" in signed_way(host, Dialect.V6)
    assert signed_way(confidential, Dialect.V6).startswith("No parser may run under this lockdown")
    assert "a signed zboot image or UKI" in signed_way(host, Dialect.V7)
    # A signed Image needs no parser there.
    assert "loaded as it is; or" in signed_way(confidential, Dialect.V7)
