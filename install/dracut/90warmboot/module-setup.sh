#!/bin/bash
# Put warmboot into the initramfs; omit_dracutmodules+=" warmboot " leaves it out.

home=/usr/lib/warmboot-rescue

check() {
	[[ -x $dracutsysrootdir$home/warmboot ]]
}

depends() {
	return 0
}

installkernel() {
	# What boot partitions and most systems are on, to be mounted by hand.
	hostonly='' instmods vfat nls_ascii nls_cp437 nls_utf8 ext4
}

install() {
	local path library
	for path in $(find "$home/warmboot" "$home/_internal" ! -type d); do
		inst_simple "$path"
	done
	# All libraries but the C library's come along.
	for library in $(find "$home" -name '*.so*' -exec ldd "$home/warmboot" {} + 2> /dev/null |
		sed -n 's|.* => \(/[^ ]*\) .*|\1|p; s|^\t\(/[^ ]*\) .*|\1|p' | sort -u); do
		[[ -e $home/_internal/${library##*/} ]] || inst "$library"
	done
	ln_r "$home/warmboot" /usr/bin/warmboot
}
