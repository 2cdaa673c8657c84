"""Boots real kernels in QEMU and proves there what warmboot says it does."""
