"""On the page, too, passwords are in the dropped roster only."""

from __future__ import annotations

import html

import httpx
import pytest

from importer.model.roster import NOT_KEPT
from tests.cli.canaries import CANARIES, LISTED, MAPPED, kept_in
from tests.web.conftest import Server, correct, drafted, grid_rows, planned, version


@pytest.mark.parametrize("mapped", ["nowhere", "as password and PIN"])
def test_no_page_and_no_file_but_the_roster_has_a_password(
    opened: tuple[Server, httpx.Client], mapped: str
) -> None:
    """Not sheet, matching, codes, problems, a correction, the plan or its rejects."""
    server, client = opened
    practice = server.folder / "practice"
    (practice / "mappings").mkdir(exist_ok=True)
    name = f"{len(mapped)}.yaml"
    (practice / "mappings" / name).write_text(MAPPED[mapped], "utf-8")
    draft = drafted(client, "practice", LISTED, name)
    sheet = client.get(f"{draft}/sheet").text
    assert NOT_KEPT in sheet
    pages = [
        sheet,
        *(client.get(f"{draft}/{one}").text for one in ("mapping", "mapping?view=text")),
    ]
    grid = grid_rows(client, draft, show="all")
    pages += [client.get(f"{draft}/grid/rows?show={one['key']}").text for one in grid["causes"]]
    correct(client, draft, {(3, "B"): "Freya"})
    for row, column in ((3, "D"), (3, "F"), (5, "C")):  # row 5 has a cell too few
        edit = {"row": row, "column": column, "was": "", "now": "Canary-typed"}
        refused = client.post(f"{draft}/grid/cells", json={"edits": [edit]})
        pages.append(refused.text)
    pages.append(client.get(f"{draft}/grid/rows?show=all").text)
    run = planned(client, draft)
    pages += [client.get(run).text]
    texts = [html.unescape(page) for page in pages]
    assert [one for one in texts if any(canary in one for canary in CANARIES)] == []
    form = {"do": "next", "mapping": "new", "version": version(client, draft)}
    assert client.post(f"{draft}/sheet", data=form).status_code == 303
    folder = practice / "drafts" / draft.rpartition("/")[2]
    assert "Freya" in (folder / "corrections.csv").read_text("utf-8")
    assert set(kept_in(practice)) == {"people.csv"}
    assert kept_in(folder / "roster")
