"""An SIS load on the page: plan it, download its file, and find out what it did."""

from __future__ import annotations

import httpx

from tests.web.conftest import (
    KEY,
    Library,
    approve,
    drafted,
    failed_checks,
    followed,
    start,
    version,
    with_mapping,
)

MAPPING = """version: 1
account_type: EXTERNAL
owning_system: SIS
roster: {dates: ymd}
match: {possible_match: ignore}
record: {primary_id: <Id>, first_name: <First>, last_name: <Last>, user_group: <Group>}
"""
ROSTER = "Id,First,Last,Group\n1000001,Ana,Nunez,UGRD\n1000002,Bo,Doe,GRAD\n"


def test_an_sis_load_is_planned_downloaded_and_reported(library: Library) -> None:
    """Nothing is written to Alma by the page; the report shows what Alma's load did."""
    with_mapping(library.folder, "students.yaml", MAPPING)
    server = start(library.folder)
    client = server.client()
    draft = drafted(client, "alma", ROSTER, "students.yaml")
    assert "In a file for the SIS load" in client.get(f"{draft}/grid").text
    form = {"version": version(client, draft), "load": "sis"}
    run = followed(client, client.post(f"{draft}/plan", data=form))
    assert "Write the file for the SIS load: 2 rows" in client.get(run).text
    followed(client, approve(client, run, *failed_checks(client, run)))
    assert library.written() == []
    assert "Load it in Alma" in client.get(run).text
    file = client.get(f"{run}/files/sis-load-01.zip")
    assert file.status_code == 200
    files = {"report": ("../Rejected users.CSV", b"Primary ID,Why\n1000002,No such group here\n")}
    started = client.post(f"{run}/sis-report", files=files)
    assert client.post(f"{run}/sis-report").status_code == 409  # one after the other
    followed(client, started)
    page = client.get(run).text
    assert ("Load it in Alma" in page, "No such group here" in page) == (True, True)
    access = {"Authorization": f"apikey {KEY}"}
    loaded = httpx.post(f"{library.alma}/_sandbox/sis", content=file.content, headers=access)
    assert loaded.json()["created"] == 2
    many = b"".join(b"90%d,%s\n" % (number, b"none such " * 20) for number in range(15_000))
    files = {"report": ("again.txt", b"Primary ID,Why\n" + many)}  # larger than a form
    followed(client, client.post(f"{run}/sis-report", files=files))
    folder = library.folder / "runs" / run.rpartition("/")[2]
    assert [path.name for path in folder.glob("alma-job-report*")] == ["alma-job-report.txt"]
    page = client.get(run).text
    assert ("Load it in Alma" in page, "1 refused by Alma" in page) == (False, True)
    assert server.stop() == 0
