"""A process that spends tickets as fast as it can: ``python -m tests.state.spender WHERE NONCE...`` prints those it won."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from nexla_mcp.state.store import StateStore


async def main(where: str, nonces: list[str]) -> None:
    store = StateStore(None, where) if "://" in where else StateStore(Path(where))
    won = [nonce for nonce in nonces if await store.spend(nonce, 4_000_000_000.0)]
    taken = [await store.reserve("someone", "disrupt", 30) for _ in nonces]
    store.close()
    sys.stdout.write(f"{' '.join(won)};{sum(taken)}")


if __name__ == "__main__":
    sys.stdin.readline()  # all processes begin when they are told to
    anyio.run(main, sys.argv[1], sys.argv[2:])
