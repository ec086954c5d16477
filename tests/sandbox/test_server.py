"""The practice Alma as a process: start, stop, what it keeps; and the configuration routes."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from lxml import etree

from importer.errors import UsageError
from importer.sandbox.configuration import SWITCHES, PracticeCodes, set_switches
from importer.sandbox.invented import people
from importer.sandbox.server import Options, running
from importer.sandbox.users import UserStore
from tests.sandbox.alma import Alma, barcode, code_of, person, practice, student


def test_state_survives_a_restart(tmp_path: Path) -> None:
    """Users, edited fields, loans, identifiers and words are all kept."""
    options = Options(db=tmp_path / "alma.db", rate=0)
    with practice(options) as alma:
        alma.create(user_identifier=[barcode("B1")])
        alma.create(**student())
        alma.admin("POST", "/users/1000001/edited", ["user_group"])
        alma.admin("POST", "/users/1000001/loans", {"loans": 1})
        before = alma.admin("GET", "/state").json()
    with practice(options) as alma:
        assert alma.admin("GET", "/state").json() == before
        assert alma.call("GET", "/users?q=last_name~almeida").json()["total_record_count"] == 2
        assert code_of(alma.call("POST", "/users", person(primary_id="b1"))) == "401851"
        assert code_of(alma.call("DELETE", "/users/1000001")) == "401850"


_PROGRAM = """
import sys
from pathlib import Path
from importer.sandbox.server import Options, serve
serve(Options(db=Path(sys.argv[1])), lambda url: print(url, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_stops_on_a_signal_and_loses_nothing(tmp_path: Path, number: int) -> None:
    """The process ends with 0, and the last change is in the file."""
    path = tmp_path / "alma.db"
    program = [sys.executable, "-c", _PROGRAM, str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client() as client:
            Alma(client, url).create()
            process.send_signal(number)
        assert process.wait(timeout=20) == 0
    with practice(Options(db=path)) as alma:
        assert alma.user("P1")["last_name"] == "Almeida"


def test_seeded_patrons_are_the_same_every_time(tmp_path: Path) -> None:
    """The same number gives the same people, with example.org and 555-01xx only."""
    assert list(people(50, PracticeCodes({}))) == list(people(50, PracticeCodes({})))
    options = Options(seed_users=30, db=tmp_path / "alma.db", rate=0)
    for _ in range(2):
        with practice(options) as alma:
            users = alma.admin("GET", "/state").json()["users"]
            assert len(users) == 30
            assert {user["account_type"]["value"] for user in users} == {"INTERNAL", "EXTERNAL"}
            for user in users:
                contact = user["contact_info"]
                assert contact["email"][0]["email_address"].endswith("@example.org")
                assert "555-01" in contact["phone"][0]["phone_number"]
                alma.update(user["primary_id"], user)


def test_what_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    """A wrong switch, a port in use and a wrong file are a UsageError at the start.

    Only a file that is no practice Alma is to be deleted, none that is busy or out of reach.
    """
    other = tmp_path / "roster.csv"
    other.write_text("EMPL ID,Last name\n" * 100, "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        wrong = [
            Options(switches={"no-such-switch": "on"}),
            Options(switches={"zero-hits": "sometimes"}),
            Options(port=port),
            Options(db=other),
            Options(db=tmp_path / "absent" / "alma.db"),
        ]
        for options in wrong:
            with pytest.raises(UsageError) as caught, running(options):
                pass
            assert ("Delete it" in str(caught.value)) == (options.db == other)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sandbox")]


def test_a_store_that_fails_ends_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be stored is not answered for long: the server stops with the error."""

    def fail(_: UserStore) -> None:
        raise sqlite3.OperationalError

    def until_it_stops() -> None:
        with running() as url, suppress(httpx.TransportError):
            monkeypatch.setattr(UserStore, "commit", fail)
            monkeypatch.setattr(UserStore, "close", fail)
            while httpx.get(url).status_code:
                time.sleep(0.01)

    with pytest.raises(sqlite3.OperationalError):
        until_it_stops()


def test_a_connection_of_the_last_moment_is_closed() -> None:
    """Who connects while the server stops is hung up on, not forgotten with the line open."""
    for _ in range(8):
        with running() as url, ExitStack() as callers:
            address = ("127.0.0.1", httpx.URL(url).port or 0)
            knocking = [
                callers.enter_context(socket.create_connection(address, timeout=20)) for _ in "123"
            ]
            left = callers.pop_all()
        with left:
            for caller in knocking:
                with suppress(ConnectionError):
                    assert caller.recv(1) == b""


def test_every_switch_has_a_sentence_a_source_and_a_default() -> None:
    """The first value of a switch is its default; only an open fact may have no source."""
    usual = set_switches({})
    for name, switch in SWITCHES.items():
        assert usual[name] == switch.values[0]
        assert switch.text.endswith(".")
        assert switch.source or switch.mark == "open"


@pytest.mark.parametrize("path", ["/users/operation/test", "/conf/test"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_test_routes_answer_xml(alma: Alma, method: str, path: str) -> None:
    """They answer XML whatever was asked for."""
    answer = alma.call(method, path)
    assert answer.status_code == 200
    assert etree.fromstring(answer.content).tag == "test"


def test_the_configuration_is_there(alma: Alma) -> None:
    """Tables have described rows, a library shares resources, countries are the standard's."""
    tables = alma.call("GET", "/conf/code-tables").json()["code_table"]
    assert {"UserGroups", "UserIdentifierTypes"} <= {entry["name"] for entry in tables}
    for name in (entry["name"] for entry in tables):
        shown = alma.call("GET", f"/conf/code-tables/{name}").json()
        assert shown["name"] == name
        assert all(row["enabled"] and row["description"] for row in shown["row"])
    libraries = alma.call("GET", "/conf/libraries").json()["library"]
    assert [row["code"] for row in libraries if row["resource_sharing"]] == ["RES_SHARE"]
    countries = alma.call("GET", "/conf/code-tables/CountryCodes").json()["row"]
    assert len({row["code"] for row in countries}) == 249
    assert all(len(row["code"]) == 3 and row["code"].isupper() for row in countries)
