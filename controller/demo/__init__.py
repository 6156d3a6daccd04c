"""The demo fleet: an invented prefecture, clearly marked, loaded through the ordinary imports."""
