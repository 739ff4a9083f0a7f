"""MCP clients that this server can be put into: where each keeps its configuration, in which form, and how to change that.

``records``: one record for each client. ``entry``: what is written for this server. ``jsonc`` and ``document``: the change of
a text that keeps everything else as it is. ``config_file``: reading, backup, writing.
"""
