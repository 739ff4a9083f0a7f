"""The pictures of the views in docs/images/.

    python -m tests.views.pictures [folder]

Needs pngquant, which makes them small (Debian: pngquant). The host's font is Inter where the machine has it
(Debian: fonts-inter), else the system's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.views.browser import Browser
from tests.views.hosting import open_view
from tests.views.samples import sample

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LIMIT = 200_000
PICTURES = {
    "view-flow-light": ("failing_flow", "light", 740),
    "view-flow-dark": ("failing_flow", "dark", 740),
    "view-triage": ("triage", "dark", 740),
    "view-confirm": ("confirm_delete", "light", 640),
}


def main() -> None:
    """Take all pictures again."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    styles = {"variables": {"--font-sans": "Inter, ui-sans-serif, system-ui, sans-serif"}}
    with tempfile.TemporaryDirectory() as place, Browser.start(Path(place) / "profile") as browser:
        for name, (recorded, theme, width) in PICTURES.items():
            page = open_view(browser, sample(recorded), theme=theme, width=width, context={"styles": styles})
            height = page.host.evaluate("document.getElementById('view').offsetHeight")
            path = folder / f"{name}.png"
            page.screenshot(path, clip={"width": width, "height": height}, scale=2)
            page.close()
            subprocess.run(
                ["pngquant", "--force", "--strip", "--speed", "1", "--nofs", "40", "--output", str(path), str(path)], check=True
            )
            size = path.stat().st_size
            sys.stdout.write(f"{path.name:24} {width}x{height}  {size:>7,} bytes\n")
            if size > LIMIT:
                raise SystemExit(f"{path.name} is larger than {LIMIT:,} bytes.")


if __name__ == "__main__":
    main()
