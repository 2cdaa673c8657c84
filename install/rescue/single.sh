#!/bin/sh
# warmboot @VERSION@ in one file. It unpacks itself into a folder where programs may run, and
# removes that in the end. It needs sh, tail, gzip and tar: those of busybox will do.
self=$0
[ "${self#*/}" != "$self" ] || self=$(command -v "$self")
caller=${PATH-}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
self=$(readlink -f "$self")
mask=$(umask)
umask 077

runs_here() {
	home=$1/warmboot.$$
	mkdir "$home" 2>/dev/null || return
	printf '#!/bin/sh\nexit 0\n' >"$home/try" && chmod 700 "$home/try" && "$home/try" || {
		rm -rf "$home"
		return 1
	}
} 2>/dev/null

# Root takes no folder that a user named.
[ "$(id -u)" = 0 ] && chosen= || chosen=${TMPDIR-}
for place in "$chosen" /tmp /run /dev/shm /var/tmp /root "${self%/*}" ''; do
	[ -z "$place" ] || ! runs_here "$place" || break
done
if [ -z "$place" ]; then
	echo 'warmboot: There is no folder that can be written to and where programs may run' >&2
	echo '  Mount one, then try again: mount -t tmpfs tmpfs /tmp' >&2
	exit 9
fi
tail -c +@SIZE@ "$self" | gzip -dc | tar -xf - -C "$home" || {
	rm -rf "$home"
	echo "warmboot: It could not be unpacked into $place" >&2
	exit 9
}
printf %s "$self" >"$home/warmboot-rescue/unpacked-from"
rm -f "$home/try"
umask "$mask"
PATH=$caller exec "$home/warmboot-rescue/warmboot" "$@"
