"""Reachability of points without SNMP: echo requests where they are allowed, else TCP connects.

Standard library only, no privileges: Linux lets a group send echo requests over datagram sockets
(``net.ipv4.ping_group_range``), and a TCP connect needs nothing.
"""
