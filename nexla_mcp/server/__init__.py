"""The MCP side: protocol handlers, the tool list, asking the person, transports."""
