"""Invented patrons, and a practice Alma with the code tables of an institution."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from importer.alma.code_tables import write_file
from importer.model.fields import CodeRow, CodeTables
from importer.sandbox.server import Options
from tests.sandbox.alma import Alma, coded, practice, student

_CODES = {
    "UserGroups": ("U1", "U2"),
    "UserIdentifierTypes": ("01", "02"),
    "UserEmailTypes": ("work", "school"),
    "Libraries": ("EAST", "WEST"),
}
_TABLES = CodeTables(
    {name: tuple(CodeRow(code, code) for code in rows) for name, rows in _CODES.items()},
    "01OWN_INST",
    date(2026, 11, 28),
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Alma]:
    """The command: a practice Alma with the codes of an institution, and three patrons."""
    write_file(tmp_path / "codes.json", _TABLES)
    words = ("--codes", "codes.json", "--seed-users", "3", "--port", "0")
    command = [sys.executable, "-m", "importer", "sandbox", "--rate", "0", *words]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "http://" in line, line
        url = f"http://{line.partition('http://')[2].partition(';')[0]}"
        with httpx.Client(timeout=60) as client:
            yield Alma(client, url)
        process.terminate()


def test_the_practice_alma_has_the_institutions_codes(own: Alma) -> None:
    """It reports the institution and its tables, takes its codes only, and its users again."""
    assert own.call("GET", "/conf/general").json()["institution"]["value"] == "01OWN_INST"
    rows = own.call("GET", "/conf/code-tables/UserGroups").json()["row"]
    assert [row["code"] for row in rows] == ["U1", "U2"]
    libraries = own.call("GET", "/conf/libraries").json()["library"]
    assert [one["code"] for one in libraries] == ["EAST", "WEST"]
    assert own.call("POST", "/users", student(user_group=coded("UGRD"))).status_code == 400
    own.set(switches={"external-id-check": "on"})
    # no fetch gives campuses, nor the profiles of the SIS load
    body = student(
        primary_id="own", user_group=coded("U1"), campus_code=coded("NORTH"), external_id="HR"
    )
    assert own.call("POST", "/users", body).status_code == 200
    assert own.call("DELETE", "/users/own").status_code == 204
    one = own.call("GET", "/users?limit=1&expand=full").json()["user"][0]
    assert one["user_role"][0]["scope"]["value"] == "01OWN_INST"
    own.update(one["primary_id"], one)


def test_codes_of_the_institution_are_for_every_kind_of_user() -> None:
    """Its tables do not list which are not; a code of another table's name means something else."""
    tables = {"UserGroups": {"UGRD": "Own"}, "UserAddressTypes": {"office": "Office"}}
    address = {"line1": "1 Elm Street", "address_type": [coded("office")]}
    with practice(Options(rate=0, codes=tables)) as alma:
        alma.create(record_type=coded("STAFF"), user_group=coded("UGRD"))
        alma.create(primary_id="P2", user_group=coded("UGRD"), contact_info={"address": [address]})
