"""Programs that others wrote for Alma work with the practice Alma; only the address is changed.

They are in the dependency group `strangers`, which is not installed with the others: one of them
has another license (GPL), and none is needed for anything else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.sandbox.alma import ROOT, Alma, coded, email, person

pytestmark = [pytest.mark.hunt, pytest.mark.filterwarnings("default")]


def test_almapiwrapper(alma: Alma, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create, get, update, rename, search and delete a user."""
    area = {"Area": "Users", "Permissions": "RW", "Env": "S"}
    keys = {"INST": [{"API_Key": alma.key, "Supported_APIs": [area]}]}
    (tmp_path / "keys.json").write_text(json.dumps(keys), "utf-8")
    monkeypatch.setenv("alma_api_keys", str(tmp_path / "keys.json"))
    users = pytest.importorskip("almapiwrapper.users")
    monkeypatch.setattr(users.User, "api_base_url", f"{alma.url}{ROOT}/users")
    body = person(primary_id="W1", contact_info={"email": [email("ada@example.org")]})
    user = users.NewUser("INST", "S", body).create("Correct-Horse-7")
    assert (user.error, user.data["full_name"]) == (False, "Ada Almeida")
    found = users.User("W1", "INST", "S")
    found.data["first_name"] = "Adi"
    found.data["primary_id"] = "W2"
    assert not found.update(override="user_group").error
    assert [one.primary_id for one in users.fetch_users("last_name~Almeida", "INST", "S")] == ["W2"]
    renamed = users.User("W2", "INST", "S")
    assert (renamed.data["first_name"], renamed.fees, renamed.loans) == ("Adi", [], [])
    renamed.delete()
    gone = users.User("W2", "INST", "S")
    assert (gone.data, gone.error) == (None, True)


@pytest.mark.parametrize("form", ["json", "xml"])
def test_almapipy(alma: Alma, form: str) -> None:
    """Get, search and list users, and a user's loans; it cannot write."""
    almapipy = pytest.importorskip("almapipy")
    for number in range(12):
        alma.create(primary_id=f"P{number}", first_name=f"Name{number}")
    theirs = almapipy.AlmaCnxn(alma.key, data_format=form)
    for client in (theirs.users, theirs.users.loans, theirs.users.fees):
        client.cnxn_params["api_uri_full"] = f"{alma.url}{ROOT}/users"
    theirs.users.loans.cnxn_params["api_uri_full"] += "/"
    listed, one = theirs.users.get(all_records=True), theirs.users.get("P3")
    found = theirs.users.get(query={"first_name": "Name3"})
    loans = theirs.users.loans.get("P3")
    if form == "json":
        assert (len(listed["user"]), len(found["user"])) == (12, 1)
        assert (one["first_name"], loans["total_record_count"]) == ("Name3", 0)
    else:
        assert (len(listed), len(found), one.findtext("first_name")) == (12, 1, "Name3")
        assert loans.get("total_record_count") == "0"
    with pytest.raises(almapipy.utils.AlmaError, match="401861"):
        theirs.users.get("nobody")


def _query(*names: str) -> list[dict[str, Any]]:
    return [{"in": "query", "name": name, "schema": {"type": "string"}} for name in names]


_ID = {"in": "path", "name": "id", "required": True, "schema": {"type": "string", "minLength": 1}}
_CODED = {"type": "object", "properties": {"value": {"type": "string"}}}
_ENTRIES = {"type": "array", "items": {"type": "object", "properties": {"value": _CODED}}}
_USER = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("primary_id", "last_name", "birth_date")},
        **dict.fromkeys(("account_type", "user_group", "record_type", "gender"), _CODED),
        **dict.fromkeys(("user_identifier", "user_note", "user_role"), _ENTRIES),
        "contact_info": {"type": "object", "properties": {"email": _ENTRIES, "address": _ENTRIES}},
    },
    "example": person(gender=coded("OTHER")),
}
_BODY = {"content": {"application/json": {"schema": _USER}}}
_LIST = _query("limit", "offset", "q", "order_by", "expand", "modify_date_from")
_ONE = [_ID, *_query("user_id_type", "view", "expand", "override", "op", "password")]
_OPERATIONS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "/users": {"get": _LIST, "post": _query("source_institution_code", "source_user_id")},
    "/users/{id}": {"get": _ONE, "put": _ONE, "delete": _ONE, "post": _ONE},
    **{f"/users/{{id}}/{name}": {"get": [_ID]} for name in ("loans", "requests", "fees")},
    "/users/operation/test": {"get": [], "post": []},
    "/conf/test": {"get": [], "post": []},
    "/conf/code-tables": {"get": []},
    "/conf/code-tables/{id}": {"get": [_ID, *_query("lang", "scope")]},
    "/conf/libraries": {"get": []},
    "/conf/general": {"get": []},
}


def test_schemathesis(alma: Alma) -> None:
    """No documented operation ever answers with a server error or does not answer."""
    schemathesis = pytest.importorskip("schemathesis")
    answers = {"200": {"description": "done"}}
    paths = {
        path: {
            method: {
                "parameters": parameters,
                "responses": answers,
                **({"requestBody": _BODY} if path.startswith("/users") and body else {}),
            }
            for method, parameters in methods.items()
            for body in [method == "put" or (path, method) == ("/users", "post")]
        }
        for path, methods in _OPERATIONS.items()
    }
    document = {"openapi": "3.0.2", "info": {"title": "x", "version": "1"}, "paths": paths}
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    for found in schema.get_all_operations():

        @settings(
            max_examples=100,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=found.ok().as_strategy())
        def call(case: Any) -> None:
            nonlocal tried
            tried += 1
            answer = case.call(
                base_url=f"{alma.url}{ROOT}",
                headers={"Authorization": f"apikey {alma.key}", "Accept": "application/json"},
                timeout=30,
            )
            assert answer.status_code < 500, case.as_curl_command()

        call()
    assert tried > 500


_HOST = "https://api-eu.hosted.exlibrisgroup.com"
_SUITE = """
import sys, unittest
import requests
send = requests.Session.request
def request(self, method, url, **more):
    return send(self, method, url.replace({host!r}, {url!r}), **more)
requests.Session.request = request
sys.path.insert(0, ".")
names = {names!r}
suite = unittest.defaultTestLoader.loadTestsFromNames(names)
result = unittest.TextTestRunner().run(suite)
wrong = [one.id().split(".")[-1] for one, _ in [*result.errors, *result.failures]]
print("ran", result.testsRun, "wrong", *wrong)
"""


def test_the_suite_of_almapiwrapper_passes(alma: Alma, tmp_path: Path) -> None:
    """The tests that its authors run against a live sandbox pass, as far as they are about users.

    ALMAPIWRAPPER names a checkout of it. `force_synchro` needs a second institution, the Network
    Zone, which the practice Alma has not.
    """
    checkout = os.environ.get("ALMAPIWRAPPER")
    if not checkout:
        pytest.skip("ALMAPIWRAPPER names no checkout of almapiwrapper")
    pytest.importorskip("almapiwrapper")
    area = {"Area": "Users", "Permissions": "RW", "Env": "S"}
    keys = {"UBS": [{"API_Key": alma.key, "Supported_APIs": [area]}]}
    keys["NZ"] = keys["UBS"]
    (tmp_path / "keys.json").write_text(json.dumps(keys), "utf-8")
    alma.admin("POST", "/codes/UserGroups", {code: code for code in ("01", "02", "91", "99")})
    names = ["test.test_user", "test.test_fetchusers", "test.test_fee"]
    program = _SUITE.format(host=_HOST, url=alma.url, names=names)
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=shutil.copytree(checkout, tmp_path / "suite"),
        env={**os.environ, "alma_api_keys": str(tmp_path / "keys.json")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.splitlines()[-1:] == ["ran 12 wrong test_force_synchro"], ran.stderr[-4000:]
