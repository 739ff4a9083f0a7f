"""nexla-mcp: the Nexla data-flow platform as tools for an agent.

Nothing here touches the network, a keyring or the disk at import. The rooms follow the way of
a call: ``server`` -> ``catalog`` -> ``arguments`` -> ``policy`` -> ``client`` -> ``output``.
"""

__version__ = "0.1.0"
