"""The one shared HTTP client of the Nexla REST API. It knows nothing of MCP."""
