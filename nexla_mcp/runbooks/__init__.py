"""Runbooks: tools that fetch their own facts and return a verdict with its evidence.

A runbook reads through :class:`~nexla_mcp.runbooks.facts.Facts` and returns a plain model; it knows
nothing of MCP and cannot change anything, because it holds no permits.
"""
