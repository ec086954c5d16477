"""The configuration routes."""

from __future__ import annotations

import pytest
from lxml import etree

from tests.sandbox.alma import Alma, coded


@pytest.mark.parametrize("path", ["/users/operation/test", "/conf/test"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_test_routes_answer_xml(alma: Alma, method: str, path: str) -> None:
    """They answer XML whatever was asked for."""
    answer = alma.call(method, path)
    assert answer.status_code == 200
    assert etree.fromstring(answer.content).tag == "test"


def test_general_says_which_institution_this_is(alma: Alma) -> None:
    """The institution's code, and that it is a sandbox."""
    general = alma.call("GET", "/conf/general").json()
    assert general["institution"]["value"] == "01SANDBOX_INST"
    assert general["environment_type"] == "SANDBOX"
    assert general["alma_url"] == alma.url


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (
            "UserGroups",
            {"COMM", "FRIEND", "STAFF", "FACULTY", "UGRD", "GRAD", "EMER", "SPEC", "RECIP"},
        ),
        ("UserIdentifierTypes", {"BARCODE", "UNIV_ID", "INST_ID", "OTHER_ID_1", "01", "02"}),
        ("UserPreferredLanguage", {"en", "es", "fr", "de"}),
        ("CountryCodes", {"USA", "CAN", "DEU", "GBR"}),
        ("JobTitles", {"Cataloger"}),
    ],
)
def test_code_tables_have_the_rows_that_alma_ships(alma: Alma, table: str, codes: set[str]) -> None:
    """A table has rows of code, description, default and enabled; it is in the list of tables."""
    shown = alma.call("GET", f"/conf/code-tables/{table}").json()
    assert shown["name"] == table
    assert codes <= {row["code"] for row in shown["row"]}
    assert all(row["enabled"] and row["description"] for row in shown["row"])
    tables = alma.call("GET", "/conf/code-tables").json()["code_table"]
    assert table in {entry["name"] for entry in tables}


def test_an_institution_adds_codes_of_its_own(alma: Alma) -> None:
    """A row added at the admin API is in the table and is accepted."""
    alma.admin("POST", "/codes/UserGroups", {"77": "Swimmers"})
    user = alma.create(user_group=coded("77"))
    assert user["user_group"]["desc"] == "Swimmers"


def test_libraries(alma: Alma) -> None:
    """Each library has a mark for resource sharing."""
    libraries = alma.call("GET", "/conf/libraries").json()
    sharing = {row["code"] for row in libraries["library"] if row["resource_sharing"]}
    assert sharing == {"RES_SHARE"}


def test_countries_are_the_249_of_the_standard(alma: Alma) -> None:
    """Every alpha-3 code once, with a name."""
    rows = alma.call("GET", "/conf/code-tables/CountryCodes").json()["row"]
    assert len({row["code"] for row in rows}) == 249
    assert all(len(row["code"]) == 3 and row["code"].isupper() for row in rows)
