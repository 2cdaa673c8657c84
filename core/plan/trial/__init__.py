"""A restart on trial: what brings the machine back where the new system is not confirmed.

Each layer covers another part of the way. What was measured of each stands with it.
"""
