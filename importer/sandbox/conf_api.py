"""The routes under /almaws/v1/conf, and the two test routes (contract 2.2). All are read only."""

from __future__ import annotations

from aiohttp import web
from lxml import etree

from importer.sandbox.answers import json_answer, xml_answer
from importer.sandbox.codes import INSTITUTION, LIBRARIES
from importer.sandbox.institution import Institution
from importer.sandbox.record import Json


def conf_routes(root: str, institution: Institution) -> list[web.RouteDef]:
    """Return the routes below the API's root path."""
    tables = institution.tables

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
        campus = {"value": "MAIN", "desc": tables.describe("Campuses", "MAIN")}
        rows: list[Json] = [
            {**library, "description": library["name"], "campus": campus} for library in LIBRARIES
        ]
        return json_answer({"library": rows, "total_record_count": len(rows)})

    async def general(request: web.Request) -> web.Response:
        document: Json = {
            "institution": {"value": INSTITUTION[0], "desc": INSTITUTION[1]},
            "alma_url": f"http://{request.host}",
            "environment_type": institution.switches.environment.upper(),
            "default_language": {"value": "en", "desc": "English"},
        }
        return json_answer(document)

    return [
        *(
            route(f"{root}/{area}/test", test)
            for area in ("users/operation", "conf")
            for route in (web.get, web.post)
        ),
        web.get(f"{root}/conf/code-tables", code_tables),
        web.get(f"{root}/conf/code-tables/{{name:[^/]+}}", code_table),
        web.get(f"{root}/conf/libraries", libraries),
        web.get(f"{root}/conf/general", general),
    ]
