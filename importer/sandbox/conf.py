"""The routes under /almaws/v1/conf, and the two test routes (contract 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lxml import etree

from importer.sandbox.call import Call
from importer.sandbox.codes import INSTITUTION, LIBRARIES, MAPPING_TABLES
from importer.sandbox.envelope import Format, Reply, json_reply, xml_reply
from importer.sandbox.institution import Institution
from importer.sandbox.json_wire import Json
from importer.sandbox.refusal import Said
from importer.sandbox.values import ILLEGAL


def probe(_institution: Institution, _call: Call) -> Reply:
    """GET and POST …/test: XML whatever was asked for."""
    root = etree.Element("test")
    root.text = "OK"
    return xml_reply(root)


def code_tables(institution: Institution, call: Call) -> Reply:
    """GET /conf/code-tables: the names."""
    rows: list[Json] = [
        {"name": name, "description": name, "sub_system": {"value": "INFRA"}}
        for name in institution.tables.names()
    ]
    return _reply(
        institution, call, "code_tables", {"code_table": rows, "total_record_count": len(rows)}
    )


def code_table(institution: Institution, call: Call) -> Reply:
    """GET /conf/code-tables/{name}."""
    name = call.segments[2]
    if name not in institution.tables.names():
        raise Said.NO_TABLE.refuse(value=name)
    shown = institution.tables.show(name, call.query.get("lang", "en"))
    return _reply(institution, call, "code_table", shown)


def mapping_table(institution: Institution, call: Call) -> Reply:
    """GET /conf/mapping-tables/{name}."""
    name = call.segments[2]
    if name not in MAPPING_TABLES:
        raise Said.NO_TABLE.refuse(value=name)
    return _reply(institution, call, "mapping_table", institution.tables.show_mapping(name))


def libraries(institution: Institution, call: Call) -> Reply:
    """GET /conf/libraries."""
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
    return _reply(
        institution, call, "libraries", {"library": rows, "total_record_count": len(rows)}
    )


def general(institution: Institution, call: Call) -> Reply:
    """GET /conf/general: which institution this is, and that it is a sandbox, if it is one."""
    shown: Json = {
        "institution": {"value": INSTITUTION[0], "desc": INSTITUTION[1]},
        "alma_url": f"http://{call.headers.get('Host', '127.0.0.1')}",
        "environment_type": institution.switches["environment"].upper(),
        "default_language": {"value": "en", "desc": "English"},
    }
    return _reply(institution, call, "general", shown)


def _reply(institution: Institution, call: Call, name: str, document: Json) -> Reply:
    if call.wanted(institution.switches["default-format"]) is Format.JSON:
        return json_reply(document)
    root = etree.Element(name)
    _fill(root, document)
    return xml_reply(root)


def _fill(element: etree._Element, document: Json) -> None:
    """Alma's plain way from JSON to XML: coded values become text, `row` lists get a `rows`."""
    match document:
        case str() | bool() | int() | float():
            printed = str(document).lower() if isinstance(document, bool) else str(document)
            element.text = ILLEGAL.sub("?", printed)
        case Mapping() if "value" in document:
            element.set("desc", str(document.get("desc") or ""))
            _fill(element, document["value"])
        case Mapping():
            for key, value in document.items():
                if key == "total_record_count":
                    element.set(key, str(value))
                elif isinstance(value, Sequence) and not isinstance(value, str):
                    parent = etree.SubElement(element, "rows") if key == "row" else element
                    for entry in value:
                        _fill(etree.SubElement(parent, key), entry)
                else:
                    _fill(etree.SubElement(element, key), value)
        case _:
            pass
