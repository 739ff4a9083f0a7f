"""Build the MCP bundle (``.mcpb``): for Claude Desktop and other hosts that install a server with one click.

    python -m release.bundle            # build/bundle/ and dist/nexla-mcp-VERSION.mcpb, validated by the official tool
    python -m release.bundle --start    # and unpack it, start it as a host would (uv), and ask for its tools

The bundle carries the wheel, not the libraries: the host's ``uv`` brings Python and installs what ``pyproject.toml`` in
the bundle asks for, so one file serves every platform.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio

from nexla_mcp import __version__
from nexla_mcp.catalog.loader import load_catalog
from release import npm_tools
from release.listings import ROOT, bundle_manifest, project

FOLDER = ROOT / "build" / "bundle"
_SERVER = '''"""What the host starts: the same program as the command nexla-mcp."""

from nexla_mcp.cli import main

if __name__ == "__main__":
    main()
'''
_PYPROJECT = """[project]
name = "nexla-mcp-bundle"
version = "{version}"
requires-python = "{python}"
dependencies = ["nexla-mcp"]

[tool.uv]
package = false

[tool.uv.sources]
nexla-mcp = {{ path = "{wheel}" }}
"""


def wheel(folder: Path) -> Path:
    """Build the wheel of this checkout into ``folder``."""
    words = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(words, check=True, timeout=300)
    return next(folder.glob("nexla_mcp-*.whl"))


def fill(folder: Path, built: Path) -> None:
    """Write what belongs into the bundle; nothing in it depends on this machine."""
    folder.mkdir(parents=True)
    shutil.copy(built, folder)
    shutil.copy(ROOT / "LICENSE", folder)
    text = _PYPROJECT.format(version=__version__, python=project()["requires-python"], wheel=built.name)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    (folder / "server.py").write_text(_SERVER, encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(bundle_manifest(load_catalog()), indent=2) + "\n", encoding="utf-8")


def pack(folder: Path, bundle: Path) -> None:
    """Validate and pack with the official tool; raises SystemExit with what it said when it refuses."""
    for arguments in (["validate", str(folder / "manifest.json")], ["pack", str(folder), str(bundle)]):
        ended = npm_tools.run(npm_tools.BUNDLER, "mcpb", arguments)
        print(ended.stdout.strip())
        if ended.returncode:
            raise SystemExit(f"mcpb {arguments[0]} refused: {ended.stderr.strip() or 'see above'}")


def start(bundle: Path) -> list[str]:
    """Unpack the bundle, start it with uv exactly as its manifest says, and list the tools a client sees."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise SystemExit("uv is needed to start the bundle: pip install uv")
    with tempfile.TemporaryDirectory() as folder:
        ended = npm_tools.run(npm_tools.BUNDLER, "mcpb", ["unpack", str(bundle), folder])
        if ended.returncode:
            raise SystemExit(f"mcpb unpack refused: {ended.stderr}")
        server = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))["server"]["mcp_config"]
        arguments = [word.replace("${__dirname}", folder) for word in server["args"]]
        # the settings a person leaves empty arrive unfilled; the server has to cope with that
        environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"} | dict(server["env"])
        environment |= {"NEXLA_SERVICE_KEY": "not-a-key", "NEXLA_API_URL": "http://127.0.0.1:9", "NEXLA_MCP_STATE_DIR": folder}
        environment |= {"NEXLA_MCP_READ_ONLY": "true", "NEXLA_MCP_PROFILE": "default", "PYTHONWARNINGS": ""}
        subprocess.run([uv, "sync", "--quiet", "--directory", folder], env=environment, check=True, timeout=600)
        return anyio.run(_tools, uv, arguments, environment)


async def _tools(uv: str, arguments: list[str], environment: dict[str, str]) -> list[str]:
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    async with Client(StdioServerParameters(command=uv, args=arguments, env=environment)) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


def main() -> int:
    """Build, validate and, with --start, try."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    bundle = ROOT / "dist" / f"nexla-mcp-{__version__}.mcpb"
    bundle.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        fill(FOLDER, wheel(Path(folder)))
    pack(FOLDER, bundle)
    if "--start" in sys.argv[1:]:
        listed = start(bundle)
        expected = [tool["name"] for tool in bundle_manifest(load_catalog())["tools"]]
        if listed != expected:
            raise SystemExit(f"The bundle lists {listed}, its manifest says {expected}.")
        print(f"The unpacked bundle starts under uv and lists {len(listed)} tools.")
    print(f"{bundle.relative_to(ROOT)}: {bundle.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
