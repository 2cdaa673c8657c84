#!/bin/sh
# Installs what `make e2e` needs beyond Python: the two emulators, firmware, and apt's package lists
# (tests/e2e/fetch.py reads the archive's address from them); with the argument `all`, what
# `make e2e-all` needs. Does nothing when all is there.
set -eu

missing=
need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need qemu-system-aarch64 qemu-system-arm
need qemu-system-x86_64 qemu-system-x86
need sbsign sbsigntool
need openssl openssl
need mkfs.ext4 e2fsprogs
need mmdebstrap mmdebstrap
need mkfs.vfat dosfstools
need grub-mkimage grub-common
need depmod kmod
need mcopy mtools
need clang clang
need bpftool bpftool
need dtc device-tree-compiler
if [ "${1:-}" = all ]; then
    need qemu-system-riscv64 qemu-system-misc
    need qemu-system-ppc64 qemu-system-ppc
    need ssh openssh-client
    [ -e /usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin ] || missing="$missing opensbi"
fi
[ -e /usr/include/bpf/bpf_helpers.h ] || missing="$missing libbpf-dev"
[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] || missing="$missing ovmf"
[ -e /usr/share/qemu-efi-aarch64/QEMU_EFI.fd ] || missing="$missing qemu-efi-aarch64"

lists_known() {
    apt-get indextargets --format '$(ORIGIN)' 'Created-By: Packages' 2>/dev/null | grep -qx Debian
}

if ! command -v apt-get >/dev/null 2>&1; then
    echo "tests/e2e/setup.sh: the guests are made of Debian packages, and this machine has no apt" >&2
    exit 1
fi
if [ -z "$missing" ] && lists_known; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "tests/e2e/setup.sh: run as root once, or: apt-get update && apt-get install$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; echo "tests/e2e/setup.sh: failed: $*" >&2; exit 1; }
}
export DEBIAN_FRONTEND=noninteractive
echo "tests/e2e/setup.sh: installing${missing:- package lists}" >&2
quietly apt-get -q update
# shellcheck disable=SC2086  # one word per package
[ -z "$missing" ] || quietly apt-get -qy install --no-install-recommends $missing
