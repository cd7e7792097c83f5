"""Links of the repository's pages, aimed at the book's."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
BOOK = PurePosixPath("lessons/book")
MADE = BOOK / "made"
AT_THE_ROOT = {
    "README.md": BOOK / "index.md",
    "CONTRIBUTING.md": MADE / "contributing.md",
    "CHANGELOG.md": MADE / "changelog.md",
    "SECURITY.md": MADE / "security.md",
    "NOTICE": MADE / "notice.md",
    "LICENSE": MADE / "licence.md",
}
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)")
FILE = re.compile(r"minifacenet/[\w/]+\.py")


def aimed(text: str, folder: PurePosixPath, to: PurePosixPath | None = None) -> str:
    """The Markdown of a page in `folder` (below the root), for a page of the book in `to`."""
    to = folder if to is None else to

    def aim(link: re.Match) -> str:
        path = _plain(folder / link[2])
        target = AT_THE_ROOT.get(str(path), path)
        return link[1] + _relative(target, to)

    return LINK.sub(aim, text)


def aim_at_the_book(app, docname: str, source: list[str]) -> None:
    """Let links to pages at the repository's root lead to their copies."""
    folder = (PurePosixPath("lessons") / docname).parent
    if folder == MADE:
        return  # aimed when they were made

    def aim(link: re.Match) -> str:
        target = AT_THE_ROOT.get(str(_plain(folder / link[2])))
        return link[0] if target is None else link[1] + _relative(target, folder)

    source[0] = LINK.sub(aim, source[0])


def lead_to_sources(app, doctree, docname: str) -> None:
    """Let `minifacenet/nn/relu.py` in a text lead to that file, as the book shows it."""
    if app.builder.format != "html":
        return
    shown = {name for name, entry in getattr(app.env, "_viewcode_modules", {}).items() if entry}
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        module = text.removesuffix(".py").replace("/", ".")
        if not FILE.fullmatch(text) or module not in shown:
            continue
        if isinstance(literal.parent, nodes.reference):
            continue
        target = app.builder.get_relative_uri(docname, f"_modules/{module.replace('.', '/')}")
        reference = nodes.reference("", "", internal=True, refuri=target)
        literal.replace_self(reference)
        reference += literal


def _plain(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _relative(path: PurePosixPath, folder: PurePosixPath) -> str:
    common = 0
    for one, other in zip(path.parts, folder.parts, strict=False):
        if one != other:
            break
        common += 1
    up = [".."] * (len(folder.parts) - common)
    return "/".join([*up, *path.parts[common:]])
