"""The network: devices, their ports and neighbours, credentials, pollers, links."""
