"""The page of a department, behind nginx as the guide configures it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import APPROVERS, launch, leave_out, until

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{}}
http {{
    access_log off;
    {groups}
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
    """Without a password nobody gets in; person and group are the proxy's, whatever is claimed."""
    page = (ROOT / "docs" / "reference" / "web.md").read_text("utf-8")
    groups, location = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    at, passwords = tmp_path / "page.sock", tmp_path / "passwords"
    passwords.write_text("ana:{PLAIN}one\nbo:{PLAIN}two\n", "utf-8")
    location = location.replace("/run/alma-loads/page.sock", str(at)).replace(
        "/etc/nginx/alma-loads.passwords", str(passwords)
    )
    (tmp_path / "nginx.conf").write_text(
        CONFIGURATION.format(folder=tmp_path, port=port, groups=groups, location=location), "utf-8"
    )
    base = f"http://127.0.0.1:{port}"
    server = launch(tmp_path, "--socket", str(at), "--public-url", base, **APPROVERS)
    assert NGINX is not None
    nginx = subprocess.Popen([NGINX, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)])
    try:
        until(at.is_socket)
        _check(tmp_path, base)
    finally:
        for one in (nginx, server):
            one.terminate()
            one.wait(60)
    assert server.returncode == 0


def _check(folder: Path, base: str) -> None:
    headers = {"Origin": base, "X-Remote-User": "somebody-else", "X-Remote-Groups": "systems"}
    with httpx.Client(base_url=base, headers=headers) as client:
        assert client.get("/practice/").status_code == 401
        client.auth = ("ana", "one")
        assert client.get("/practice/").status_code == 200
        assert client.get("/practice/", headers={"Host": "other.example.org"}).status_code == 421
        draft = client.post("/practice/samples").headers["Location"].removesuffix("/sheet")
        leave_out(client, draft, 11)
        keys = []
        for client.auth in (("bo", "two"), ("ana", "one")):
            keys.append(client.post("/alma/settings/key", data={"key": "?"}).status_code)
        assert keys == [403, 422]  # bo is in no group that approves; ana's key is none
    made = (folder / draft.lstrip("/") / "corrections.csv").read_text("utf-8")
    assert made.splitlines()[1].split(",")[5] == "ana"
