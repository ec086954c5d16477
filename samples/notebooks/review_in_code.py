"""Plan a load, review it in code, apply it, and undo it."""

# %%
import sys
from threading import Event

import importer
from importer.errors import SafetyCheckError

# %% [markdown]
# Compare the roster with Alma, which is only read.

# %%
run = importer.plan("patrons.xlsx", "community.yaml")
changes = run.changes()
print(run.summary.create, "new,", run.summary.update, "changed")
print(changes.groupby(["field", "kind"]).size().to_string())

# %% [markdown]
# Rules of your own: who needs review is not loaded this time, and nobody may get another group.

# %%
waiting = run.rows().query("fate == 'review'")["row"]
if not waiting.empty:
    importer.resolve(run, waiting, "reject")
if (changes["field"] == "user_group").any():
    sys.exit("Somebody would get another user group.")

# %% [markdown]
# The first five rows, then the rest. For production, add `allow_production="CODE"`.

# %%
stop = Event()  # `stop.set()` in another thread stops after the rows under way
progress = importer.Progress(rows=lambda done, of: print(done, "of", of), cancel=stop.is_set)
try:
    importer.apply(run, limit=5)
    importer.apply(run, progress=progress)
except SafetyCheckError as error:
    print(error)
print(run.rows()["result"].value_counts().to_string())

# %% [markdown]
# Undo is a plan as well. What staff changed since then stays.

# %%
back = importer.undo(run, delete_created=True)
importer.apply(back, allow=["removals"], delete=back.summary.delete)
print(back.summary.deleted, "deleted")
