"""A roster from a database: check it, and make a report of your own. Nothing is sent to Alma."""

# %%
import sqlite3

import pandas as pd

import importer

# %% [markdown]
# The campus database; here a small one with invented people.

# %%
database = sqlite3.connect(":memory:")
pd.DataFrame(
    {
        "card": [20001123450011, 20001123450029, None, 20001123450045],
        "first": ["Ana", "Bo", "Cy", "Dee"],
        "last": ["Núñez", "Doe", "Roe", "Poe"],
        "kind": ["Community", "Friend", "Community", "Visitor"],
        "email": ["ana@example.org", "bo@example", "cy@example.org", None],
        "until": ["2030-06-30", "2030-06-30", "2030-06-30", "2030-06-30"],
    }
).to_sql("patrons", database, index=False)
roster = pd.read_sql("SELECT * FROM patrons", database)

# %% [markdown]
# The mapping, as a dict. It needs a name, by which later loads are compared with this one.

# %%
mapping = {
    "version": 1,
    "name": "campus-database",
    "account_type": "INTERNAL",
    "roster": {"dates": "ymd"},
    "record": {
        "primary_id": "<card>",
        "first_name": "<first>",
        "last_name": "<last>",
        "user_group": {"from": "<kind>", "lookup": "groups"},
        "expiry_date": "<until>",
        "contact_info": {"email": [{"email_address": "<email>", "email_type": "personal"}]},
    },
    "lookups": {"groups": {"Community": "COMM", "Friend": "FRIEND"}},
}

# %%
run = importer.check(roster, mapping)
problems = run.problems().query("severity == 'reject'")
report = problems.groupby(["heading", "code"])["row"].agg(["count", ", ".join])
print(report.to_string())
print(f"{run.summary.ready} of {run.summary.rows} people can be loaded.")

# %% [markdown]
# The rows to correct, as they are in the database. Row 2 is the first row of the frame.

# %%
wrong = run.rows().query("fate == 'rejected'")["row"].astype(int) - 2
print(roster.loc[wrong].to_string())
