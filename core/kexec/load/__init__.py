"""Ways to hand a kernel over other than kexec_file_load(2): kexec_load(2) and kexec-tools."""
