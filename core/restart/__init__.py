"""End this system and start the staged one: now, or later."""
