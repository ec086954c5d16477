"""Make the README's moving picture of the guide's pictures of the page: `make pictures`.

The frames are the pictures that the walk through the page leaves in `docs/pictures`, each under a
line of text. They are one animated PNG, which every browser shows and no player is needed for.
"""

from __future__ import annotations

import base64
import html
import shutil
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).parents[1] / "pictures"
MOVIE = PICTURES / "load.png"
FRAMES = {
    "page-mapping": "Drop a roster: the page proposes what each column becomes",
    "page-mapping-codes": "Choose Alma's codes for the roster's words",
    "page-grid": "Correct the marked cells",
    "page-decisions": "Decide where somebody may be in Alma already",
    "page-review": "Review the plan, and approve it",
    "page-running": "Watch the load; undo it if it was wrong",
}
"""The pictures in order, and the line above each."""

WIDTH, HEIGHT = 860, 660
SECONDS = 3
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PAGE = """<body style="margin:0;background:#fff"><p style="margin:0;height:47px;line-height:47px;
padding-left:16px;background:#15324a;color:#fff;font:600 19px/47px sans-serif">{number}. {text}</p>
<img style="display:block" src="data:image/png;base64,{data}"></body>"""


def frames() -> Iterator[bytes]:
    """Yield each frame as a PNG of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for number, (name, text) in enumerate(FRAMES.items(), 1):
            data = base64.b64encode((PICTURES / f"{name}.png").read_bytes()).decode()
            tab.set_content(_PAGE.format(number=number, text=html.escape(text), data=data))
            yield tab.screenshot()
        browser.close()


def chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each chunk of a PNG."""
    at = len(_SIGNATURE)
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def animated(pictures: Sequence[bytes]) -> bytes:
    """Return one animated PNG of PNGs of the same size and kind, shown over and over.

    Raises ValueError if they differ in size or kind.
    """
    heads = {dict(chunks(picture))[b"IHDR"] for picture in pictures}
    if len(heads) != 1:
        msg = "The frames differ in size or kind."
        raise ValueError(msg)
    (head,) = heads
    made = [_SIGNATURE, _chunk(b"IHDR", head)]
    made.append(_chunk(b"acTL", struct.pack(">II", len(pictures), 0)))
    order = 0
    for number, picture in enumerate(pictures):
        shown = (order, *struct.unpack_from(">II", head), 0, 0, SECONDS, 1, 0, 0)
        made.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", *shown)))
        order += 1
        for kind, content in chunks(picture):
            if kind == b"IDAT" and number == 0:
                made.append(_chunk(kind, content))
            elif kind == b"IDAT":
                made.append(_chunk(b"fdAT", struct.pack(">I", order) + content))
                order += 1
    return b"".join([*made, _chunk(b"IEND", b"")])


if __name__ == "__main__":
    MOVIE.write_bytes(animated(list(frames())))
