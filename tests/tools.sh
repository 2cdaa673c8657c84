#!/bin/sh
# Install the Debian packages whose programs some tests run, where this machine can: as root, with
# apt. Elsewhere say which are missing; tests that need them are skipped, and say so.
set -eu
want="bpftool clang cpio device-tree-compiler erofs-utils file fish git grub-emu kmod libbpf-dev lzop mandoc openssl sbsigntool squashfs-tools u-boot-tools zsh"
if [ "${1:-}" = bench ]; then
	want="file gzip isal lz4 lzop valgrind xz-utils zstd"
	# systemd-boot brings bootctl, and writes a boot loader to an EFI system partition it finds.
	grep -Eq ' /(efi|boot|boot/efi) ' /proc/mounts || want="$want systemd-boot"
fi
if [ "${1:-}" = pictures ]; then
	want="fonts-dejavu-core"
fi
missing=""
for package in $want; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing Debian packages:$missing"
	apt-get -qq update
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
else
	echo "not installed, so that some tests are skipped:$missing (as root: make test-deps)"
fi
