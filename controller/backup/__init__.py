"""Backups of a data folder: made beside a running server, verified, restored into an empty one."""
