"""Restarts on trial of an installed Debian: each way to fail ends in the old system, by a reset.

The guest goes from case to case by itself, and says in the old system what `warmboot status` makes
of it. These take hours: `make e2e-all`. tests/e2e/PROVEN.md keeps what was seen.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .debian import make_disks
from .fetch import Arch
from .guest import Guest, Step, steps

pytestmark = [pytest.mark.slow_guest, pytest.mark.timeout(6000)]
LIMIT = 1500.0  # seconds for one case; measured: 100 to 400
#: Where somebody has to do something in time: a busy machine takes five minutes to start.
LONG = 'trial="--trial 420'


@dataclass(frozen=True)
class Case:
    """A case: what the guest runs, and what status says afterwards.

    `state` and `causes` are of the trial; a confirmed one shows in the new system, and the machine
    is then restarted through firmware.
    """

    script: str
    causes: tuple[str, ...] = ()
    words: str = ""


HANG = """\
before() {
    printf "#!/bin/sh\\necho e2e: init hangs\\nwhile :; do sleep 1000; done\\n" >/hang
    chmod 755 /hang
}"""
#: A line of fstab that only the new system reads: the old one would not come up with it either.
FSTAB = """\
generator=/etc/systemd/system-generators/missing
before() {
    echo "LABEL=MISSING /mnt ext4 x-systemd.device-timeout=5 0 0" >/fstab.missing
    mkdir -p "${generator%/*}"
    cat >$generator <<-'END'
	#!/bin/sh
	grep -q e2e=new /proc/cmdline || exit 0
	export SYSTEMD_FSTAB=/fstab.missing
	exec /usr/lib/systemd/system-generators/systemd-fstab-generator "$@"
	END
    chmod 755 $generator
}
after() { rm $generator; }
trial='--trial 180'
"""
#: Little more than the initrd takes, unpacked: Debian 12's kernel comes up with 64M. Where it dies,
#: it has no console yet.
NO_MEMORY = """\
case $(uname -r) in 6.1.*) stage='--append mem=24M' ;; *) stage='--append mem=90M' ;; esac
entry=/boot/loader/entries/new.conf
before() { cp $entry /; sed -i 's/^options .*/& earlyprintk=ttyS0,115200 ignore_loglevel/' $entry; }
after() { cp /new.conf $entry; }
"""
#: Another entry is systemd-boot's default, and what its variables say.
ONE_SHOT = """\
one_shot=/sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
default() { sed -i "s/^default .*/default $1.conf/" /boot/loader/loader.conf; }
value() { cat "$1" | tail -c +5 | tr -d '\\0'; echo; }
chosen() { value $one_shot; }
selected() { value ${one_shot%%OneShot*}Selected-${one_shot#*-}; }
none() { ! ls ${one_shot%/*} | grep -E '^(BootNext|LoaderEntryOneShot)-'; }
"""
#: What is confirmed is looked at past its deadline and two minutes more.
CONFIRM = """\
in_new() {
    step "confirm-$this" warmboot confirm
    sleep 545
    step "stays-$this" warmboot status
    rm /var/lib/e2e/begun
    echo $((number + 1)) >/var/lib/e2e/number
    systemctl reboot
    sleep 600
}"""
#: The choice for the next start is taken back; the guest itself is to go on in the old system.
TAKEN_BACK = CONFIRM.replace(
    'step "confirm-$this" warmboot confirm',
    'step "chosen-$this" chosen; step "confirm-$this" warmboot confirm\n'
    '    step "taken-back-$this" none; default old',
)
CHECKED = CONFIRM.replace('step "confirm-$this" warmboot confirm', ":").replace("545", "205")
RETURNED: dict[str, Case] = {
    "root-missing": Case(
        'stage="--append root=LABEL=NOWHERE"\ntrial="--trial 240"', ("its root is not here",)
    ),
    "root-refused": Case(
        'stage="--append rootfstype=xfs"\ntrial="--trial 240"', ("before its root was mounted",)
    ),
    "panic": Case("in_new() { sleep 2; echo c >/proc/sysrq-trigger; sleep 600; }", ("panic",)),
    "nobody": Case(
        'stage="--append systemd.mask=ssh.service"\ntrial="--trial 180 --confirm-when ssh"\n'
        "in_new() { systemctl is-active ssh.service; sleep 3600; }",
        ("not confirmed in time",),
    ),
    "emergency": Case(FSTAB, ("not confirmed in time",)),
    "one-shot": Case(
        f"{ONE_SHOT}before() {{ default new; }}\n"
        f'after() {{ selected; default old; none; }}\n{LONG}"\n'
        "in_new() {\n"
        'step "chosen-$this" chosen; step "revert-$this" warmboot confirm --revert; sleep 600; }',
        ("asked",),
    ),
    "no-memory": Case(NO_MEMORY, ("panic", "watchdog", "before its root was mounted")),
    "hang": Case(f'{HANG}\nstage="--append init=/hang"', ("watchdog",)),
}
#: dracut's queue, which modules for volumes and networks bring: it gives up by rd.retry=.
QUEUE = """\
before() {
    truncate -s %512 /boot/initrd.img # an archive begins there only
    cd / && : >usr/lib/dracut/need-initqueue
    echo usr/lib/dracut/need-initqueue | busybox cpio -o -H newc >>/boot/initrd.img
}
"""
MISSING = RETURNED["root-missing"]
#: Initrds of dracut that give up by themselves, long before the trial is over.
GIVEN_UP: dict[str, Case] = {
    "root-missing": MISSING,
    "root-refused": RETURNED["root-refused"],
    "root-missing-queue": Case(f"{QUEUE}{MISSING.script}", MISSING.causes),
}
CONFIRMED: dict[str, Case] = {
    "by-hand": Case(f'{LONG}"\n{CONFIRM}'),
    "one-shot-by-hand": Case(
        f'{ONE_SHOT}before() {{ default new; }}\n{LONG}"\n{TAKEN_BACK}',
    ),
    "by-check": Case(f'trial="--trial 60 --confirm-when ssh --confirm-when units"\n{CHECKED}'),
}


#: With GRUB: back into its default, and into the kernel that runs though another is the default.
GRUB: dict[str, Case] = {
    "default": Case(
        "block=/boot/grub/grubenv\nbefore() { cp $block /; }\nafter() { cmp $block /grubenv; }\n"
        + RETURNED["root-missing"].script,
        RETURNED["root-missing"].causes,
    ),
    "one-shot": Case(
        "menu=/boot/grub/grub.cfg\n"
        'before() { sed -i \'s/default="0"/default="1"/\' $menu; }\n'
        'after() { cat /boot/grub/grubenv; echo; sed -i \'s/default="1"/default="0"/\' $menu; }\n'
        f'{LONG} --write-grubenv"\n'
        'in_new() { sleep 2; step "revert-$this" warmboot confirm --revert; sleep 600; }',
        ("asked",),
    ),
}


#: A suite, and what made its initrd.
SYSTEMS = [("trixie", "initramfs-tools"), ("trixie", "dracut"), ("bookworm", "initramfs-tools")]


def run(
    folder: Path,
    suite: str,
    cases: dict[str, Case],
    initrd: str,
    loader: str = "systemd-boot",
    arch: Arch = Arch.AMD64,
) -> dict[str, Step]:
    """Boot the machine, and let it go through the cases."""
    scripts = {name: case.script for name, case in cases.items()}
    disks = make_disks(folder, suite, scripts, initrd=initrd, loader=loader, arch=arch)
    with Guest(disks.command()) as guest:
        guest.expect_crash()
        try:
            for name in cases:
                guest.wait_for(f"^e2e: going on trial: {name}$", LIMIT)
            guest.wait_for("^e2e: all cases done", LIMIT)
        finally:
            (folder / "transcript").write_text(guest.transcript)
        return steps(guest.transcript)


def trial(step: Step) -> dict[str, Any]:
    found = re.search(r"^\{.*^\}", step.output, re.MULTILINE | re.DOTALL)
    assert found, step.output
    answer: dict[str, Any] = json.loads(found[0])
    assert answer["host"]["release"]
    return answer


def came_back(done: dict[str, Step], cases: dict[str, Case]) -> None:
    assert {name: step for name, step in done.items() if step.code != 0} == {}
    for name, case in cases.items():
        answer = trial(done[f"status-{name}"])["trial"]
        assert answer["state"] == "came back", name
        assert answer["cause"] in case.causes, (name, answer)
        assert answer["away"] > 0
        # Shown by `make e2e-all`, and kept in PROVEN.md.
        print(f"{name}: {answer['release']}: {answer['text']}, away {answer['away']:.0f} s")


@pytest.mark.parametrize("suite", ["trixie", "bookworm"])
def test_grub_leads_back_by_its_default_or_by_its_environment_block(
    tmp_path: Path, suite: str
) -> None:
    done = run(tmp_path, suite, GRUB, "initramfs-tools", "grub")
    came_back(done, GRUB)
    assert "next_entry=0" not in done["after-one-shot"].output, "GRUB has used it"


@pytest.mark.parametrize(("suite", "initrd"), SYSTEMS)
def test_each_failure_comes_back(tmp_path: Path, suite: str, initrd: str) -> None:
    done = run(tmp_path, suite, RETURNED, initrd)
    came_back(done, RETURNED)
    assert done["chosen-one-shot"].output == "old.conf\n"
    assert done["after-one-shot"].output == "old.conf\n", "what systemd-boot has started then"


@pytest.mark.parametrize(("suite", "initrd"), SYSTEMS)
def test_what_is_confirmed_stays(tmp_path: Path, suite: str, initrd: str) -> None:
    done = run(tmp_path, suite, CONFIRMED, initrd)
    for name in CONFIRMED:
        assert "confirmed by" in done[f"stays-{name}"].output
    assert done["chosen-one-shot-by-hand"].output == "old.conf\n"


def test_dracut_restarts_the_machine_itself(tmp_path: Path) -> None:
    done = run(tmp_path, "trixie", GIVEN_UP, "dracut")
    came_back(done, GIVEN_UP)
    for name, word in (("root-missing", "rd.timeout"), ("root-missing-queue", "rd.retry")):
        layers = done[f"plan-{name}"].output
        assert f" {word}=" in layers
        assert ("rd.timeout" in layers) is (word == "rd.timeout")


@pytest.mark.timeout(20000)  # making the system takes emulated processors half an hour
def test_on_arm64_too_whose_kernel_takes_no_image_but_segments(tmp_path: Path) -> None:
    returned = {name: RETURNED[name] for name in ("nobody", "panic", "hang")}
    cases = {**returned, "by-hand": CONFIRMED["by-hand"]}
    done = run(tmp_path, "trixie", cases, "initramfs-tools", arch=Arch.ARM64)
    came_back(done, returned)
    assert "kexec_load(2)" in done["stage-nobody"].output
    assert "confirmed by root" in done["stays-by-hand"].output
