"""Rosters as five offices send them, each with what a librarian would say of its columns.

`OWED` names by heading the fields that the column is for; "" is a column that stays out of Alma or
that only a person can place, above all every identifier that no heading names exactly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl

EMAIL = "contact_info.email.email_address"
PHONE = "contact_info.phone.phone_number"
_ADDRESS = "contact_info.address"
LINE1, LINE2, CITY = f"{_ADDRESS}.line1", f"{_ADDRESS}.line2", f"{_ADDRESS}.city"
STATE, ZIP, COUNTRY = (
    f"{_ADDRESS}.state_province",
    f"{_ADDRESS}.postal_code",
    f"{_ADDRESS}.country",
)
NAMES = "first_name last_name"


@dataclass(frozen=True, slots=True)
class Office:
    """A roster: its heading rows and cells by line, merged cells (a workbook then), and `owed`.

    `identity` is the column by which a person would say that patrons are told.
    """

    text: str
    owed: Mapping[str, str]
    identity: str
    merged: tuple[str, ...] = ()
    header: str = ""

    def write(self, folder: Path) -> Path:
        """The file, as the office sends it."""
        if not self.merged:
            path = folder / "roster.csv"
            path.write_text(self.text, "utf-8")
            return path
        book = openpyxl.Workbook()
        for row in csv.reader(io.StringIO(self.text), delimiter="|"):
            book.worksheets[0].append(row)
        for cells in self.merged:
            book.worksheets[0].merge_cells(cells)
        path = folder / "roster.xlsx"
        book.save(path)
        return path


BANNER = Office(
    """\
SPRIDEN_ID|SPRIDEN_LAST_NAME|SPRIDEN_FIRST_NAME|SPRIDEN_MI|SPBPERS_BIRTH_DATE|SGBSTDN_LEVL_CODE|\
SGBSTDN_CAMP_CODE|SGBSTDN_MAJR_CODE_1|GOREMAL_EMAIL_ADDRESS|SPRADDR_STREET_LINE1|\
SPRADDR_STREET_LINE2|SPRADDR_CITY|SPRADDR_STAT_CODE|SPRADDR_ZIP|SPRTELE_PHONE_NUMBER|\
SPBPERS_SEX|STVTERM_CODE
A00012345|NÚÑEZ|ANA|M|13-APR-2001|UG|MAIN|BIOL|ana@example.org|100 MAPLE ST||NORTHFIELD|SD|57001|\
6055550101|F|202680
A00012346|O'BRIEN|MARY JANE||02-MAY-1999|GR|MAIN|HIST|mary@example.org|12 2ND ST|APT 4|HARLOW|MN|\
56164|6055550102|F|202680
A00012347|TRAN|THI MINH|L|30-DEC-2000|UG|NORTH|CSCI|thi@example.org|9 DAKOTA RD||WEXFORD|IA|51234||\
F|202680
""".replace("\\\n", "").replace("|", ","),
    {
        "SPRIDEN_ID": "",
        "SPRIDEN_LAST_NAME": "last_name",
        "SPRIDEN_FIRST_NAME": "first_name",
        "SPRIDEN_MI": "middle_name",
        "SPBPERS_BIRTH_DATE": "birth_date",
        "SGBSTDN_LEVL_CODE": "user_group",
        "SGBSTDN_CAMP_CODE": "campus_code",
        "SGBSTDN_MAJR_CODE_1": "",
        "GOREMAL_EMAIL_ADDRESS": EMAIL,
        "SPRADDR_STREET_LINE1": LINE1,
        "SPRADDR_STREET_LINE2": LINE2,
        "SPRADDR_CITY": CITY,
        "SPRADDR_STAT_CODE": STATE,
        "SPRADDR_ZIP": ZIP,
        "SPRTELE_PHONE_NUMBER": PHONE,
        "SPBPERS_SEX": "gender",
        "STVTERM_CODE": "",
    },
    "SPRIDEN_ID",
)

STAFF = Office(
    """\
Employee No.,Employee Name,Job Title,Department,Employee Class,Work Email,Work Phone,Hire Date,\
Supervisor,Supervisor Email,Date of Birth,Home Address,City,State,Zip Code,Status
004711,"Lee, Ann",Cataloger,Library,Staff,ann.lee@example.org,(605) 555-0101,08/15/2019,\
"Ray, Bo",bo.ray@example.org,04/13/1980,100 Maple St,Northfield,SD,57001,Active
004712,"van Dyck, Jane B.",Lecturer,History,Faculty,jane@example.org,(605) 555-0102,01/05/2021,\
"Ray, Bo",bo.ray@example.org,11/30/1975,12 2nd St,Harlow,MN,56164,Active
004713,"Ito, Cy",Groundskeeper,Facilities,Staff,,,03/01/2022,"Lee, Ann",ann.lee@example.org,\
07/04/1990,9 Dakota Rd,Wexford,IA,51234,On leave
""".replace("\\\n", ""),
    {
        "Employee No.": "",
        "Employee Name": NAMES,
        "Job Title": "job_description",
        "Department": "",
        "Employee Class": "user_group",
        "Work Email": EMAIL,
        "Work Phone": PHONE,
        "Hire Date": "",
        "Supervisor": "",
        "Supervisor Email": "",
        "Date of Birth": "birth_date",
        "Home Address": LINE1,
        "City": CITY,
        "State": STATE,
        "Zip Code": ZIP,
        "Status": "",
    },
    "Employee No.",
)

SCHOOL = Office(
    """\
Student Number;Last;First;Preferred Name;Grade;Homeroom;DOB;Guardian;Guardian Email;Guardian Phone;\
Emergency Contact Phone;Mailing Address;Town;ST;ZIP;Student E-mail;Teacher
310001;Lee;Ann;Annie;7;7B;5/3/2013;Kim Lee;kim@example.org;605-555-0101;605-555-0109;100 Maple St;\
Northfield;SD;57001;ann@school.example.org;Ms. Ray
310002;Ray;Bo;;8;8A;12/21/2012;Jo Ray;jo@example.org;605-555-0102;605-555-0108;12 2nd St;Harlow;MN;\
56164;bo@school.example.org;Mr. Ito
310003;Ito;Cy;;7;7B;1/9/2013;Mo Ito;mo@example.org;605-555-0103;;9 Dakota Rd;Wexford;IA;51234;\
cy@school.example.org;Ms. Ray
""".replace("\\\n", ""),
    {
        "Student Number": "",
        "Last": "last_name",
        "First": "first_name",
        "Preferred Name": "pref_first_name",
        "Grade": "",
        "Homeroom": "",
        "DOB": "birth_date",
        "Guardian": "",
        "Guardian Email": "",
        "Guardian Phone": "",
        "Emergency Contact Phone": "",
        "Mailing Address": LINE1,
        "Town": CITY,
        "ST": STATE,
        "ZIP": ZIP,
        "Student E-mail": EMAIL,
        "Teacher": "",
    },
    "Student Number",
)

SPANISH = Office(
    """\
N.º de socio;Nombre;Primer apellido;Segundo apellido;Fecha de nacimiento;Tipo de usuario;\
Correo electrónico;Teléfono móvil;Dirección;Ciudad;Provincia;Código postal;País;\
Fecha de caducidad;Observaciones;DNI
S-1001;Ana;Núñez;Gil;13/04/1981;Público general;ana@example.org;+34 655 550 101;Calle Mayor 1;\
Villanueva;Sevilla;41001;España;31/08/2035;;00000001X
S-1002;José Luis;de la Cruz;;02/11/1975;Investigador;jose@example.org;+34 655 550 102;Calle Real 2;\
Villanueva;Sevilla;41002;España;31/08/2035;paga en caja;00000002X
S-1003;María;Ruiz;Soto;30/12/1990;Público general;;+34 655 550 103;Plaza 3;Oporto;Oporto;40001;\
Portugal;30/06/2034;;00000003X
""".replace("\\\n", ""),
    {
        "N.º de socio": "",
        "Nombre": "first_name",
        "Primer apellido": "last_name",
        "Segundo apellido": "last_name",
        "Fecha de nacimiento": "birth_date",
        "Tipo de usuario": "user_group",
        "Correo electrónico": EMAIL,
        "Teléfono móvil": PHONE,
        "Dirección": LINE1,
        "Ciudad": CITY,
        "Provincia": STATE,
        "Código postal": ZIP,
        "País": COUNTRY,
        "Fecha de caducidad": "expiry_date",
        "Observaciones": "",
        "DNI": "",
    },
    "N.º de socio",
)

TWO_ROWS = Office(
    """\
Card|Patron||Home address||||Contact||Type|Valid until
|Last name|First name|Street|City|State|ZIP|E-mail|Cell||
C-90001|Lee|Ann|100 Maple St|Northfield|SD|57001|ann@example.org|605-555-0101|Community|2035-08-31
C-90002|Ray|Bo|12 2nd St|Harlow|MN|56164|bo@example.org|605-555-0102|Friend of Library|2035-08-31
C-90003|Ito|Cy|9 Dakota Rd|Wexford|IA|51234|||Community|2034-08-31
""",
    {
        "Card": "",
        "Patron Last name": "last_name",
        "Patron First name": "first_name",
        "Home address Street": LINE1,
        "Home address City": CITY,
        "Home address State": STATE,
        "Home address ZIP": ZIP,
        "Contact E-mail": EMAIL,
        "Contact Cell": PHONE,
        "Type": "user_group",
        "Valid until": "expiry_date",
    },
    "Card",
    merged=("A1:A2", "B1:C1", "D1:G1", "H1:I1", "J1:J2", "K1:K2"),
    header="1,2",
)

OFFICES = {
    "banner": BANNER,
    "staff": STAFF,
    "school": SCHOOL,
    "spanish": SPANISH,
    "two rows": TWO_ROWS,
}

PATRONS_OWED = {
    "Barcode": "primary_id",
    "First Name": "first_name",
    "Middle": "middle_name",
    "Last Name": "last_name",
    "Patron Type": "user_group",
    "Email": EMAIL,
    "Alternate Email": EMAIL,
    "Phone": PHONE,
    "Street": LINE1,
    "Apt": LINE2,
    "City": CITY,
    "State": STATE,
    "ZIP": ZIP,
    "DOB": "birth_date",
    "Expires": "expiry_date",
    "Comments": "",
}
STUDENTS_OWED = {
    "EMPL ID": "primary_id",
    "First Name": "first_name",
    "Middle Name": "middle_name",
    "Last Name": "last_name",
    "Preferred First Name": "pref_first_name",
    "Role": "user_group",
    "Email": EMAIL,
    "Campus Email": EMAIL,
    "Phone": PHONE,
    "Address": LINE1,
    "City": CITY,
    "State": STATE,
    "ZIP": ZIP,
    "Birth Date": "birth_date",
    "Card Barcode": "user_identifier.value",
    "Campus": "campus_code",
    "Expiration Date": "expiry_date",
}
SAMPLES_OWED = {
    "community-patrons.csv": PATRONS_OWED,
    "community-patrons.xlsx": PATRONS_OWED,
    "students-and-staff.xlsx": STUDENTS_OWED,
}
"""For the three samples, whose identifiers' headings say exactly what they are."""
