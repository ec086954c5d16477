"""What earlier loads left of the users of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from importer.memory.loads import EditMemory
from importer.model.answers import Resolution
from importer.model.plan import UserMemory
from importer.model.user import User
from importer.pipeline.inputs import Rosters
from importer.planner.answers import leaves_id
from importer.planner.drafts import DraftUser
from importer.planner.imprints import ImprintedUser, Keyed, has_id_of
from importer.planner.leavers import Leavers
from importer.users.matching import identifiers


@dataclass(frozen=True)
class LoadsBefore:
    """What earlier loads left of users, as rows of these rosters and answers of people read it.

    `hashed` makes the hashes of the memory, and `former` are the IDs that users had before, of it.
    `leavers`: of an SIS load, who was missing; None where what was changed of them is taken back.
    """

    rosters: Rosters
    answers: Mapping[str, Resolution]
    memory: EditMemory
    hashed: Keyed
    former: Mapping[str, str]
    leavers: Leavers | None

    def of(self, draft: DraftUser, live: User) -> UserMemory:
        """Return what is known of a row's user.

        An SIS load takes back nothing of who left: the roster's values are written.
        """
        known = self._left(draft, live)
        return known if self.leavers is None else self.leavers.forgotten(live, known)

    def _left(self, draft: DraftUser, live: User) -> UserMemory:
        # an ID of the row that this user has not is another user's, and so is what it left
        theirs = identifiers(live)
        own = (value for _, value in draft.every_identifier if value.casefold() in theirs)
        mapping = self.rosters.of(draft.row).mapping.name
        key, ours = live.id_key, draft.primary_id.casefold()
        known = self.memory.of(mapping, (key, *own))
        if ours in {"", key}:
            return known
        before = self.memory.of(mapping, (ours,))
        # staff gave the user another primary ID
        moved = has_id_of(ImprintedUser(live, before, self.hashed))
        had_it = moved or self.former.get(ours) == key
        keeps_id = had_it or leaves_id(self.answers, draft, key)
        return replace(before if moved and known.is_blank else known, keeps_id=keeps_id)
