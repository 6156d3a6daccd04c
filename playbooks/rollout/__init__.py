"""The roll-out of the agent, host by host, seen from the controller."""
