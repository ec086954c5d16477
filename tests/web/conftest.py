"""The page as people have it: the real command in an empty folder, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")

_LINK = re.compile(r"http://\S+/enter\?token=\S+")


@dataclass
class Server:
    """The command `importer web` in a folder, and the link that it printed."""

    folder: Path
    process: subprocess.Popen[bytes]
    link: str
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The address of the page, without the token."""
        return self.link.partition("/enter")[0]

    def client(self) -> httpx.Client:
        """A client that has entered, and sends forms as a browser does."""
        client = httpx.Client(base_url=self.base, headers={"Origin": self.base})
        self.clients.append(client)
        assert client.get(self.link).status_code == 303
        return client

    def stop(self, kind: signal.Signals = signal.SIGINT) -> int:
        """End it; return its exit code."""
        for client in self.clients:
            client.close()
        self.process.send_signal(kind)
        return self.process.wait(60)

    @property
    def said(self) -> str:
        """What it wrote."""
        return (self.folder / "said.txt").read_text("utf-8")


def start(folder: Path, settings: dict[str, str] | None = None) -> Server:
    """Start the command, and wait until it is ready."""
    said = folder / "said.txt"
    environment = {name: text for name, text in os.environ.items() if not name.startswith("ALMA_")}
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "importer", "web", "--port", "0", "--no-browser"],
            cwd=folder,
            env=environment | (settings or {}),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    while not (found := _LINK.search(said.read_text("utf-8"))):
        assert process.poll() is None, said.read_text("utf-8")
        time.sleep(0.05)
    return Server(folder, process, found[0])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The page in an empty folder."""
    started = start(tmp_path)
    yield started
    if started.process.poll() is None:
        started.stop()


@pytest.fixture(scope="module")  # not longer: it keeps an event loop in this thread
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Browser, server: Server) -> Iterator[Page]:
    """A tab that has entered; nothing may be written to its console."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda one: errors.append(one.text) if one.type == "error" else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.set_default_timeout(60_000)
    page.goto(server.link)
    page.goto(f"{server.base}/practice/")
    yield page
    context.close()
    assert not [error for error in errors if "409" not in error and "422" not in error]
