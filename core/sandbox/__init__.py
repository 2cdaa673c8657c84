"""A simulated machine in a directory, with real-format images built on the spot."""
