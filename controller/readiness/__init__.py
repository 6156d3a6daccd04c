"""Readiness of hosts: migration, network cut-over, Xinchuang, IPv6; and the runs of playbooks."""
