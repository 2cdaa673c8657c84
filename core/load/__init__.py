"""Hand it to the kernel: everything made ready in memory, then the one call."""
