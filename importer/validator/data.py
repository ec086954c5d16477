"""Tables of facts: the states of the United States, and English nicknames."""

from __future__ import annotations

STATES: dict[str, str] = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California",
    "CO": "Colorado", "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia",
    "FL": "Florida", "GA": "Georgia", "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois",
    "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York",
    "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon",
    "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia",
    "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
    "AS": "American Samoa", "GU": "Guam", "MP": "Northern Mariana Islands", "PR": "Puerto Rico",
    "VI": "Virgin Islands", "FM": "Federated States of Micronesia", "MH": "Marshall Islands",
    "PW": "Palau", "AA": "Armed Forces Americas", "AE": "Armed Forces Europe",
    "AP": "Armed Forces Pacific",
}  # fmt: skip
"""The two letters of each state, territory and military region of the United States (USPS)."""

_STATE_BY_NAME = {name.casefold(): code for code, name in STATES.items()}


def state_of(text: str) -> str:
    """Return the code of a state written with its name or in lower case; "" if it is not one."""
    plain = " ".join(text.replace(".", "").split())
    return _STATE_BY_NAME.get(plain.casefold()) or (
        plain.upper() if plain.upper() in STATES else ""
    )


_NICKNAME_LINES = """
abby abigail|abe abraham|al albert alfred alan alexander|alec alexander|andy andrew|angie angela
annie ann anna anne|archie archibald|art arthur|bart bartholomew|becky rebecca|bella isabella
bernie bernard|bert albert robert herbert|bess elizabeth|beth elizabeth|betsy elizabeth
betty elizabeth|bill william|billy william|bob robert|bobby robert|bud william|cathy catherine
chad charles|charlie charles|chip charles|chuck charles|cindy cynthia|connie constance
debbie deborah|dick richard|dolly dorothy|dot dorothy|dottie dorothy|drew andrew
ed edward edmund edwin|ellie eleanor ellen|eve evelyn|frank francis franklin|fred alfred frederick
gene eugene|geoff jeffrey|gerry gerald|ginny virginia|greta margaret|gus august augustus
hal henry harold|hank henry|harry henry harold|izzy isabel isabella|jack john|jake jacob
jamie james|jeff geoffrey|jerry gerald jerome|jill gillian|jim james|jimmy james|jody joseph
joe joseph|johnny john|josie josephine|kate katherine catherine|kathy katherine kathleen catherine
katie katherine catherine kathleen|kay katherine|kit christopher katherine|kitty katherine
larry lawrence laurence|lena helena magdalena|leo leonard|lexi alexandra|libby elizabeth
lisa elizabeth|liz elizabeth|lizzie elizabeth|lola dolores|lou louis louise|maddie madeleine
madge margaret|maggie margaret|mandy amanda|marge margaret|marty martin|meg margaret megan
mick michael|mike michael|millie mildred|mimi miriam|molly mary|ned edward|nell helen eleanor
nellie helen eleanor|nick nicholas|nina antonina|nora eleanor|pat patrick patricia
patty patricia|paddy patrick|peg margaret|peggy margaret|penny penelope|pete peter
polly mary|randy randall|rick richard frederick|ricky richard|rob robert|robin robert|ron ronald
rudy rudolph|russ russell|sally sarah|sandy alexander sandra|sasha alexander alexandra|sid sidney
steve stephen steven|sue susan suzanne|ted edward theodore|terry terence theresa|tess theresa
tim timothy|tina christina martina|toby tobias|tom thomas|tommy thomas|tony anthony
trish patricia|trudy gertrude|val valerie|vicky victoria|vince vincent|walt walter|wes wesley
will william|winnie winifred|woody woodrow|zach zachary
"""
"""A nickname, then the names that it stands for."""

NICKNAMES: dict[str, frozenset[str]] = {
    short: frozenset(names)
    for line in _NICKNAME_LINES.replace("\n", "|").split("|")
    if line
    for short, *names in [line.split()]
}
"""English nicknames that look too unlike the names they stand for, with those names, folded."""
