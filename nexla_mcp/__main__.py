"""``python -m nexla_mcp`` is the command line."""

from nexla_mcp.cli import main

main()
