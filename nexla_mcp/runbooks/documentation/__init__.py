"""A documentation brief: what is known about a flow or a nexset, for a writer who must not invent anything."""
