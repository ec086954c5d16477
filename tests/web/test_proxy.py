"""The page of a department, behind nginx as the guide configures it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_the_guides_nginx_serves_several_people(tmp_path: Path) -> None:
    """Without a password nobody gets in; each run names the person, whatever the browser claims."""
    page = (ROOT / "docs" / "howto" / "web.md").read_text("utf-8")
    found = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert found is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    at, passwords = tmp_path / "page.sock", tmp_path / "passwords"
    passwords.write_text("ana:{PLAIN}one\n", "utf-8")
    location = (
        found[1]
        .replace("/run/alma-loads/page.sock", str(at))
        .replace("/etc/nginx/alma-loads.passwords", str(passwords))
    )
    (tmp_path / "nginx.conf").write_text(
        CONFIGURATION.format(folder=tmp_path, port=port, location=location), "utf-8"
    )
    base = f"http://127.0.0.1:{port}"
    with (tmp_path / "said.txt").open("wb") as said:
        server = subprocess.Popen(
            [sys.executable, "-m", "importer", "web", "--socket", str(at), "--public-url", base],
            cwd=tmp_path,
            stderr=said,
        )
        assert NGINX is not None
        nginx = subprocess.Popen([NGINX, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)])
        try:
            while b"served" not in (tmp_path / "said.txt").read_bytes():
                assert server.poll() is None, (tmp_path / "said.txt").read_text("utf-8")
                time.sleep(0.1)
            _check(tmp_path, base)
        finally:
            for one in (nginx, server):
                one.terminate()
                one.wait(60)
    assert server.returncode == 0


def _check(folder: Path, base: str) -> None:
    headers = {"Origin": base, "X-Remote-User": "somebody-else"}
    with httpx.Client(base_url=base, headers=headers) as client:
        assert client.get("/practice/").status_code == 401
        client.auth = ("ana", "one")
        assert client.get("/practice/").status_code == 200
        assert client.get("/practice/", headers={"Host": "other.example.org"}).status_code == 421
        draft = client.post("/practice/samples").headers["Location"].removesuffix("/sheet")
        task = client.post(f"{draft}/plan", data={"version": "1"}).headers["Location"]
        while client.get(task).status_code == 200:
            time.sleep(0.2)
    listed = subprocess.run(
        [sys.executable, "-m", "importer", "runs", "--json"],
        cwd=folder / "practice",
        check=True,
        capture_output=True,
    )
    (run,) = json.loads(listed.stdout)
    assert run["operator"].startswith("ana@")
