"""Programs that others wrote for Alma work with the practice Alma; only the address is changed.

They are in the dependency group `strangers`, which is not installed with the others: one of them
has another license (GPL), and none is needed for anything else.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sandbox.alma import ROOT, Alma, email, person

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
