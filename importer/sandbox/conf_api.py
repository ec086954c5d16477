"""The routes under /almaws/v1/conf, and the two test routes (contract 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from lxml import etree

from importer.sandbox.answers import json_answer, xml_answer
from importer.sandbox.codes import INSTITUTION, LIBRARIES
from importer.sandbox.institution import Institution
from importer.sandbox.json_format import Json
from importer.sandbox.refusals import Refusal


@dataclass(frozen=True, slots=True)
class ConfApi:
    """The configuration of the institution, read only and in JSON only."""

    institution: Institution

    def routes(self, root: str) -> list[web.RouteDef]:
        """Return the routes below the API's root path."""
        return [
            *(
                route(f"{root}/{area}/test", self.test)
                for area in ("users/operation", "conf")
                for route in (web.get, web.post)
            ),
            web.get(f"{root}/conf/code-tables", self.code_tables),
            web.get(f"{root}/conf/code-tables/{{name:[^/]+}}", self.code_table),
            web.get(f"{root}/conf/libraries", self.libraries),
            web.get(f"{root}/conf/general", self.general),
        ]

    async def test(self, _request: web.Request) -> web.Response:
        """Answer XML, whatever was asked for."""
        root = etree.Element("test")
        root.text = "OK"
        return xml_answer(root)

    async def code_tables(self, _request: web.Request) -> web.Response:
        """Return the names of the code tables."""
        rows: list[Json] = [
            {"name": name, "description": name, "sub_system": {"value": "INFRA"}}
            for name in self.institution.tables.names()
        ]
        document: Json = {"code_table": rows, "total_record_count": len(rows)}
        return json_answer(document)

    async def code_table(self, request: web.Request) -> web.Response:
        """Return the rows of one code table."""
        name = request.match_info["name"]
        if name not in self.institution.tables.names():
            raise Refusal.NO_TABLE.error(value=name)
        shown = self.institution.tables.show(name, request.query.get("lang", "en"))
        return json_answer(shown)

    async def libraries(self, _request: web.Request) -> web.Response:
        """Return the libraries."""
        rows: list[Json] = [
            {
                "code": library.code,
                "name": library.name,
                "description": library.name,
                "resource_sharing": library.resource_sharing,
                "campus": {"value": "MAIN", "desc": "Main Campus"},
            }
            for library in LIBRARIES
        ]
        document: Json = {"library": rows, "total_record_count": len(rows)}
        return json_answer(document)

    async def general(self, request: web.Request) -> web.Response:
        """Return the institution and whether this is a sandbox or production."""
        document: Json = {
            "institution": {"value": INSTITUTION[0], "desc": INSTITUTION[1]},
            "alma_url": f"http://{request.host}",
            "environment_type": self.institution.switches.environment.upper(),
            "default_language": {"value": "en", "desc": "English"},
        }
        return json_answer(document)
