"""Name -> operation or tool: what can be called, read once from ``tool_specs/``."""
