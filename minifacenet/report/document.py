"""What all our pages share: one file with its styles and its script, and the policy in its head.

The policy forbids the browser to fetch anything but the pictures that are named, and to run any
script but the one whose digest stands there.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from .html import Content, Html, join, tag


def document(
    title: str,
    package: str,
    name: str,
    *body: Content,
    images: str = "data:",
    metas: Content = None,
) -> str:
    """Make a page as text, with `name`.css and `name`.js of `package` inside.

    `images` says where pictures may come from, as the policy takes it; `metas` are further elements
    of the head.
    """
    script = asset(package, f"{name}.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        metas,
        tag("title", title),
        tag("style", asset(package, f"{name}.css")),
    )
    whole = tag("html", head, tag("body", body, tag("script", script)), lang="en")
    return join(Html("<!doctype html>\n"), whole, "\n")


def asset(package: str, name: str) -> Html:
    """Read a file of a package, to be used as it is: it is ours, and free of '</'."""
    return Html(files(package).joinpath(name).read_text(encoding="utf-8"))
