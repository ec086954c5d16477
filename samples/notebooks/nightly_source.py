"""A source of your own, loaded each night: people come from a service, one by one."""

# %%
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import importer
from importer.errors import ImporterError

MAPPING = """
version: 1
name: nightly
account_type: INTERNAL
match: {by: [primary_id], possible_match: review}
roster: {dates: ymd}
record:
  primary_id: <id>
  first_name: <given>
  last_name: <family>
  user_group: COMM
  expiry_date: <until>
  contact_info:
    email:
      - email_address: <mail>
        email_type: personal
"""

# %% [markdown]
# Write here how people are read from your service. This one is a file with a line for each.

# %%
source = Path("people.jsonl")
if not source.exists():
    given = ("Ana", "Bo", "Cy", "Dee")
    lines = (
        {"id": f"n{number}", "given": name, "family": f"Roe{number}", "until": "2030-06-30",
         "mail": f"{name.lower()}@example.org"}
        for number, name in enumerate(given)
    )  # fmt: skip
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")


def people() -> Iterator[dict[str, object]]:
    """Yield a dict for each person."""
    with source.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


# %% [markdown]
# A night's load. It stops before anything is written if a fifth of the rows is not ready. Exit
# codes are those of the commands, so that whatever starts this script knows how the night was.


# %%
def load() -> int:
    """Load the people once; return the exit code."""
    try:
        run = importer.plan(people(), MAPPING, progress=importer.Progress(note=print))
        run.write_reports()
        if run.summary.ready < 0.8 * run.summary.rows:
            print("Too many rows are not ready. Nothing was sent. See", run.folder)
            return 7
        importer.apply(run)
        run.write_reports()
    except ImporterError as error:
        print(error, file=sys.stderr)
        return int(error.exit)
    print(run.summary.created or 0, "created,", run.summary.updated or 0, "updated")
    return run.summary.exit


# %%
codes = [load(), load()]  # the second load changes nothing
if any(codes):
    raise SystemExit(max(codes))
