"""What offices call their columns, in English and Spanish, and in exports of the SIS.

Columns of IDs are recognized by the exact headings of `IDENTITY` and `CARD` only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

EMPL_ID, BARCODE, PRIMARY_ID = "empl id", "barcode", "primary id"
IDENTITY = {
    "primary identifier": PRIMARY_ID,
    "primary id": PRIMARY_ID,
    "empl id": EMPL_ID,
    "emplid": EMPL_ID,
    "barcode": BARCODE,
    "card barcode": BARCODE,
    "library barcode": BARCODE,
}
"""Headings that name exactly which ID they are."""

CARD = frozenset({"card number", "card no", "library card", "library card number"})
"""Headings of a barcode, if the values look like one: there are other cards."""

FULL_NAME, GIVEN, SECOND_LAST = "full name", "name or given name", "second last name"
"""Not fields: columns from which name fields may be made."""

OWNING_SYSTEM = "owning system"
"""Not a field of the record: the code of the external system."""

_FIELDS: Mapping[str, str] = {
    "first_name": "first name|first|given name|given names|forename|firstname|fname|nombres"
    "|given name s|first name s|primer nombre|nombre de pila|nombre s",
    GIVEN: "name|nombre",
    FULL_NAME: "full name|name last first|last first|last name first name|last first middle"
    "|nombre completo|apellidos y nombre|apellidos y nombres|apellidos nombre",
    "middle_name": "middle name|middle|middle initial|mi|middlename|segundo nombre",
    "last_name": "last name|last|surname|surnames|family name|family names|family name s"
    "|last name s|lastname|lname|apellidos|apellido"
    "|primer apellido|apellido paterno|apellido s",
    SECOND_LAST: "segundo apellido|apellido materno",
    "pref_first_name": "preferred first name|preferred name|nickname|pref first name|goes by"
    "|preferred first",
    "pref_middle_name": "preferred middle name|pref middle name|preferred middle",
    "pref_last_name": "preferred last name|pref last name|preferred last",
    "user_title": "title|user title|salutation|honorific|tratamiento",
    "gender": "gender|sex|sexo|genero",
    "job_category": "job category|employee category|categoria laboral",
    "preferred_language": "preferred language|language|idioma|lengua|idioma preferido",
    "pin_number": "pin|pin number|pin code",
    OWNING_SYSTEM: "owning system|external system",
    "user_group": "user group|patron type|patron group|group|role|affiliation|borrower type"
    "|patron category|borrower category|user type|member type|membership type"
    "|membership|affiliation type|acad career|career|level|levl code"
    "|level code|employee class|ecls code|tipo de usuario|tipo de lector|tipo de socio"
    "|categoria de usuario|tipo|type",
    "campus_code": "campus|campus code|camp code|recinto",
    "job_description": "job description|job title|position title|position|puesto|cargo",
    "birth_date": "birth date|born|born on|date of birth|dob|birthdate|birth dt|birthday"
    "|fecha de nacimiento|fecha nacimiento|nacimiento|fec nac",
    "expiry_date": "expires|expires on|expiration date|expiry date|expiration|expiry|valid until"
    "|valid through|valid thru|card expires|membership expires"
    "|card expiration|card expiration date|fecha de caducidad|caducidad|vencimiento"
    "|fecha de vencimiento|valido hasta",
    "purge_date": "purge date|purge",
    "line1": "street|address|address 1|address1|address line 1|street address|street line1"
    "|street line 1|street 1|line 1|direccion|domicilio|calle",
    "line2": "apt|address 2|address2|address line 2|unit|apartment|apt unit|apt no|street line2"
    "|street line 2|street 2|line 2|piso|apartamento",
    "city": "city|town|city town|ciudad|localidad|municipio|poblacion",
    "state_province": "state|province|state province|state code|stat code|st|estado|provincia",
    "postal_code": "zip|zip code|postal code|zipcode|postcode|postal|zip postal code|zip postal"
    "|codigo postal|cp|c p",
    "country": "country|country code|natn code|nation|pais",
    "email": "email|e mail|email address|e mail address|emailaddress|email addr|alternate email"
    "|alternative email|secondary email|other email|campus email|personal email|work email"
    "|school email|student email|office email|business email|university email|institutional email"
    "|preferred email|email preferred|email 1|email 2"
    "|correo electronico|correo|correo e|correo electronico personal"
    "|correo electronico institucional|correo institucional|correo personal",
    "phone": "phone|phone number|phone no|mobile|mobile phone|mobile number|cell phone|cell number"
    "|home phone|work phone|office phone|business phone|telephone|telephone number|cell|tel"
    "|phone 1|phone 2|telefono|telefono movil|movil|celular|telefono fijo|telefono de casa"
    "|telefono del trabajo",
}
_BY_NAME = {name: field for field, names in _FIELDS.items() for name in names.split("|")}

_PASSING = frozenset(
    {
        "student", "patron", "employee", "person", "borrower", "member", "user", "home", "mailing",
        "permanent", "local", "primary", "legal", "current", "address", "name", "library",
        "residential", "personal", "spriden", "spraddr", "goremal", "sprtele", "spbpers",
        "sgbstdn", "pebempl", "ps", "direccion", "alumno", "usuario", "empleado", "datos",
        "personales", "de", "del", "contact", "contacto",
    }
)  # fmt: skip
"""Words in front that add nothing; some are names of tables of a SIS."""

_SOMEBODY_ELSE = frozenset(
    {
        "guardian", "parent", "mother", "father", "spouse", "emergency", "supervisor", "manager",
        "advisor", "adviser", "counselor", "teacher", "instructor", "sponsor", "reference",
        "padre", "madre", "tutor", "tutora", "emergencia", "acudiente", "responsable", "next",
        "kin", "previous", "former", "old", "anterior",
    }
)  # fmt: skip
"""With one of these words a column is about another person, or about the past."""

_OF_CONTACT = frozenset({"email", "phone"})


def words(heading: str) -> tuple[str, ...]:
    """Return a heading's words, without case, accents and punctuation."""
    apart = unicodedata.normalize("NFKD", heading.casefold())
    plain = "".join(char for char in apart if not unicodedata.combining(char))
    return tuple(re.findall(r"[^\W_]+", plain))


def about_somebody_else(heading: str) -> bool:
    """Return whether the column is about another person, or about the past."""
    return bool(_SOMEBODY_ELSE & set(words(heading)))


def field_of(heading: str) -> str:
    """Return the field that a heading names, "" if it names none that is known here."""
    left = words(heading)
    if about_somebody_else(heading):
        return ""
    contact = False
    while left:
        field = _BY_NAME.get(" ".join(left), "")
        if field:
            return "" if contact and field not in _OF_CONTACT else field
        if left[0] not in _PASSING:
            return ""
        contact = contact or left[0] in {"contact", "contacto"}
        left = left[1:]
    return ""


_TYPES: Mapping[str, Mapping[str, str]] = {
    "email": {
        "school": "campus school student university institutional institucional college",
        "work": "work office business employee trabajo",
        "alternative": "alternate alternative secondary other 2",
    },
    "phone": {
        "mobile": "mobile cell movil celular",
        "office": "work office business trabajo",
        "home": "home casa fijo permanent local",
    },
}
_USUAL = {"email": "personal", "phone": "mobile"}


def type_of(kind: str, heading: str) -> str:
    """Return Alma's type of an email address or phone number, as the heading suggests."""
    found = set(words(heading))
    hints = _TYPES[kind].items()
    return next((name for name, hint in hints if found & set(hint.split())), _USUAL[kind])


COUNTRIES: Mapping[str, str] = {
    "usa": "USA", "us": "USA", "u s a": "USA", "united states": "USA",
    "united states of america": "USA", "estados unidos": "USA", "canada": "CAN", "mexico": "MEX",
    "spain": "ESP", "espana": "ESP", "puerto rico": "PRI",
}  # fmt: skip
"""Alma's codes of the countries that are most frequent in rosters, by their names."""
