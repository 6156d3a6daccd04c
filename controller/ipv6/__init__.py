"""Readiness for IPv6: sites, what was measured of them, and the index that scores it."""
