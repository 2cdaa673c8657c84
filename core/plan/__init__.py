"""What would happen, and what stands against it: from a request to a plan."""
