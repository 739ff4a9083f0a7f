"""Where state can lie: a file, and a Postgres server that is started here where its binaries are."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


def _binaries() -> Path | None:
    """The folder of a Postgres that can be started, or None."""
    places = [Path(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which("initdb")
    places += [Path(found).parent] if found else []
    embedded = find_spec("pgserver")  # a Postgres from PyPI, where the machine has none of its own
    places += [Path(embedded.origin).parent / "pginstall" / "bin"] if embedded and embedded.origin else []
    return next((p for p in places if all((p / name).exists() for name in ("initdb", "pg_ctl", "postgres"))), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a fresh Postgres on a socket in a folder; skipped, loudly, where none can be started."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("POSTGRES IS NOT HERE: that two processes share one store was tested with SQLite only")
    # Not below pytest's own folder: every other session that starts takes away the right to enter that.
    with tempfile.TemporaryDirectory(prefix="nexla-mcp-postgres-", ignore_cleanup_errors=True) as name:
        yield from _running(binaries, Path(name))


def _running(binaries: Path, folder: Path) -> Iterator[str]:
    options: dict[str, str] = {}
    if os.geteuid() == 0:  # Postgres refuses to run as root
        user = "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
        shutil.chown(folder, user)
        options = {"user": user}
    data, log = folder / "data", folder / "log"

    def run(*command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, capture_output=True, timeout=60, check=False, cwd=folder, **options)  # type: ignore[call-overload,no-any-return]

    made = run(str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "tester", "--no-sync")
    if made.returncode:
        pytest.skip(f"POSTGRES DOES NOT START HERE: {made.stderr.decode()[-300:]}")
    settings = f"-k {folder} -c listen_addresses='' -c fsync=off"
    started = run(str(binaries / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-o", settings, "start")
    if started.returncode:
        pytest.skip(f"POSTGRES DOES NOT START HERE: {started.stdout.decode()[-300:]}")
    yield f"postgresql://tester@/postgres?host={folder}"
    run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgres"])
def shared_store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder or an address that several processes can use at once."""
    return str(tmp_path / "state") if request.param == "sqlite" else str(request.getfixturevalue("postgres"))
