"""Measuring this host: ``HostCollector``; its API is at the top of collector.py."""

from collectors.host.collector import Collected, HostCollector

__all__ = ["Collected", "HostCollector"]
