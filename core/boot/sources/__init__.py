"""Where entries come from: one module per boot loader or layout; see registry.py."""
