"""GRUB: its language, its menus, its environment; read without running anything."""
