"""Which addresses are this machine's own: the one place where a key may travel without TLS."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
