"""The pages for people as a reader has them: prose, links, words in code type, blocks, commands with what is shown below.

How a page is written, so that it can be checked:

- ``console`` blocks are run, line by line, in an empty home; a line that begins with ``$`` is a command, the others are
  what it prints (``...`` stands for anything). ``&`` at the end starts a server for the rest of the page.
- `# not run: why` after a command leaves it out, `# exit code 3` says how it ends when not with 0.
- A block with a file name after its language (json faults.json) is there as that file for the commands after it.
- ``bash`` blocks are for things around the project; they are checked for their syntax and for our options.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\w*)[ \t]*(?P<file>[\w.-]*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.M | re.S
)
_COMMENT = re.compile(r"\s+#\s(?P<words>.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block, the file it is saved as, and the line it begins on."""

    language: str
    text: str
    file: str
    line: int


@dataclass(frozen=True)
class Command:
    """One command of a console block, and the lines that are shown below it."""

    line: str
    comment: str
    shown: tuple[str, ...]

    @property
    def not_run(self) -> bool:
        """Whether the page says that it is not run."""
        return self.comment.startswith("not run: ")

    @property
    def exit_code(self) -> int:
        """What the page says about its end."""
        found = re.match(r"exit code (\d+)", self.comment)
        return int(found.group(1)) if found else 0


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without its blocks and comments."""
        return re.sub(r"<!--.*?-->", "", _FENCE.sub("", self.text), flags=re.S)

    @property
    def blocks(self) -> list[Block]:
        return [
            Block(m["language"], m["text"], m["file"], self.text.count("\n", 0, m.start()) + 1)
            for m in _FENCE.finditer(self.text)
        ]

    @property
    def spans(self) -> list[str]:
        """The words in code type."""
        return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", self.prose)

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        prose = re.sub(r"`[^`\n]*`", "", self.prose)
        return [target.strip("<>") for target in re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", prose)]

    @property
    def anchors(self) -> set[str]:
        """The addresses of its headings, as GitHub makes them."""
        seen: dict[str, int] = {}
        made = set()
        for heading in re.findall(r"^#{1,6} +(.+?) *$", _FENCE.sub("", self.text), re.M):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            number = seen.get(slug, 0)
            seen[slug] = number + 1
            made.add(f"{slug}-{number}" if number else slug)
        return made

    def commands(self) -> Iterator[Command | Block]:
        """What a reader does from top to bottom: commands, and the files they save."""
        for block in self.blocks:
            if block.file:
                yield block
            if block.language == "console":
                yield from commands_in(block.text)


def commands_in(text: str) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        first, *shown = part.rstrip("\n").split("\n")
        comment = _COMMENT.search(first)
        line = first[: comment.start()] if comment else first
        yield Command(line.strip(), comment["words"] if comment else "", tuple(s for s in shown if s.strip()))


def pages() -> list[Page]:
    """The pages for people."""
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return [Page(path) for path in (*top, *sorted((ROOT / "docs").rglob("*.md"))) if path.is_file()]
