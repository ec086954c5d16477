"""What is set at an institution, and the routes /conf.

Its code tables and libraries are in `institution.toml`; the countries are those of ISO 3166-1.
`switches.toml` has one switch for each fact about Alma that is uncertain: `importer sandbox
--switch list` lists them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from aiohttp import web
from lxml import etree
from pydantic import BaseModel, TypeAdapter

from importer.errors import UsageError
from importer.sandbox.formats import json_answer, refuse, xml_answer
from importer.sandbox.users import Json, Switches

_HERE = Path(__file__).parent
_FILE = tomllib.loads((_HERE / "institution.toml").read_text("utf-8"))
_COUNTRIES = tomllib.loads((_HERE.parent / "model" / "countries.toml").read_text("utf-8"))
_TABLES: dict[str, dict[str, str]] = {
    **_FILE["tables"],
    "CountryCodes": {code: name for code, (_, name) in _COUNTRIES["countries"].items()},
}
INSTITUTION: tuple[str, str] = (_FILE["institution"]["code"], _FILE["institution"]["name"])
SEED: dict[str, list[Any]] = _FILE["seed"]
# The user groups that are not set up for a record type.
_GROUPS_UNFIT: dict[str, list[str]] = _FILE["groups_unfit"]
_VENDOR_ONLY: dict[str, list[str]] = _FILE["vendor_only"]
# Not code tables in Alma: campuses and libraries have menus of their own.
_UNLISTED = frozenset({"Campuses", "Libraries", "Scopes"})
Rows: TypeAlias = "dict[str, str]"


class PracticeCodes:
    """The code tables."""

    def __init__(
        self, own: Mapping[str, Mapping[str, str]], institution: tuple[str, str] = INSTITUTION
    ) -> None:
        """Start with an institution's own tables, and those of `institution.toml` that it lacks.

        These do not show which codes exist there, so any is taken.
        """
        self.are_own = bool(own)
        self._open = _TABLES.keys() - own.keys() if own else set[str]()
        self.institution = institution
        self.shown_institution: Json = dict(zip(("value", "desc"), institution, strict=True))
        self._libraries: list[dict[str, Json]] = (
            [{"code": code, "name": name} for code, name in own["Libraries"].items()]
            if "Libraries" in own
            else _FILE["libraries"]
        )
        libraries = {str(library["code"]): str(library["name"]) for library in self._libraries}
        self._tables: dict[str, Rows] = {
            **{name: dict(rows) for name, rows in {**_TABLES, **own}.items()},
            "Libraries": libraries,
            "Scopes": dict([institution]) | libraries,
        }

    def has(self, table: str, code: str) -> bool:
        """Return whether the code is in the table; case matters."""
        return table in self._open or code in self._tables.get(table, {})

    def first(self, table: str) -> str:
        """Return the first code of a table; blank if it is empty."""
        return next(iter(self._tables.get(table, {})), "")

    def describe(self, table: str, code: str) -> str:
        """Return the description of a code; blank if the table does not have it."""
        return self._tables.get(table, {}).get(code, "")

    def allowed(self, table: str, code: str, record_type: str) -> bool:
        """Return whether users of this record type may have this code; own tables do not say."""
        if table == "UserGroups":
            return self.are_own or code not in _GROUPS_UNFIT.get(record_type, [])
        return self.are_own or record_type == "CONTACT" or code not in _VENDOR_ONLY.get(table, [])

    def names(self) -> list[str]:
        """Return the names of the tables that the configuration API shows."""
        return sorted(self._tables.keys() - _UNLISTED)

    def libraries(self) -> Json:
        """Return the libraries as GET /conf/libraries shows them."""
        campus = {"value": "MAIN", "desc": self.describe("Campuses", "MAIN")}
        rows: list[Json] = [
            {**library, "description": library["name"], "campus": campus}
            for library in self._libraries
        ]
        return {"library": rows, "total_record_count": len(rows)}

    def show(self, name: str, language: str) -> Json:
        """Return a table as GET /conf/code-tables/{name} shows it."""
        if name not in self.names():
            refuse("no_table", value=name)
        rows: list[Json] = [
            {"code": code, "description": words, "default": index == 0, "enabled": True}
            for index, (code, words) in enumerate(self._tables[name].items())
        ]
        words = self.describe("UserPreferredLanguage", language)
        return {
            "name": name,
            "description": name,
            "sub_system": {"value": "INFRA", "desc": "Infrastructure"},
            "patron_facing": True,
            "language": {"value": language, "desc": words},
            "scope": {"institution_id": self.shown_institution},
            "row": rows,
        }


class Switch(BaseModel, frozen=True, extra="forbid"):
    """One uncertain fact; `switches.toml` explains the keys."""

    values: tuple[str, ...]
    text: str
    mark: Literal["documented", "observed", "inferred", "open"]
    source: str


SWITCHES = TypeAdapter(dict[str, Switch]).validate_python(
    tomllib.loads((_HERE / "switches.toml").read_text("utf-8"))
)


def set_switches(given: Switches, before: Switches | None = None) -> Switches:
    """Return `before` (or the defaults) with the given values; UsageError names a wrong one."""
    for name, value in given.items():
        if name not in SWITCHES:
            msg = f"there is no switch {name!r}; the switches are {', '.join(sorted(SWITCHES))}"
            raise UsageError(msg)
        if value not in SWITCHES[name].values:
            listed = ", ".join(SWITCHES[name].values)
            msg = f"switch {name}: {value!r} is not one of {listed}"
            raise UsageError(msg)
    usual = {name: switch.values[0] for name, switch in SWITCHES.items()}
    return {**usual, **(before or {}), **given}


def conf_routes(tables: PracticeCodes, environment: Callable[[], str]) -> list[web.RouteDef]:
    """Return the routes of the configuration API, and those that test a key."""

    async def test(_request: web.Request) -> web.Response:
        """Answer XML, whatever was asked for."""
        element = etree.Element("test")
        element.text = "OK"
        return xml_answer(element)

    async def code_tables(_request: web.Request) -> web.Response:
        rows: list[Json] = [
            {"name": name, "description": name, "sub_system": {"value": "INFRA"}}
            for name in tables.names()
        ]
        return json_answer({"code_table": rows, "total_record_count": len(rows)})

    async def code_table(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return json_answer(tables.show(name, request.query.get("lang", "en")))

    async def libraries(_request: web.Request) -> web.Response:
        return json_answer(tables.libraries())

    async def general(request: web.Request) -> web.Response:
        document: Json = {
            "institution": tables.shown_institution,
            "alma_url": f"http://{request.host}",
            "environment_type": environment().upper(),
            "default_language": {"value": "en", "desc": "English"},
        }
        return json_answer(document)

    return [
        *(
            route(f"{area}/test", test)
            for area in ("/users/operation", "/conf")
            for route in (web.get, web.post)
        ),
        web.get("/conf/code-tables", code_tables),
        web.get("/conf/code-tables/{name:[^/]+}", code_table),
        web.get("/conf/libraries", libraries),
        web.get("/conf/general", general),
    ]
