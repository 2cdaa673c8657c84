"""The BPF parser: a program inside a signed image that tells the kernel how to unpack it."""
