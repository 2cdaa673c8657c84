"""warmboot core: boot images, payloads, entries, host facts and kexec, with no user interface."""
