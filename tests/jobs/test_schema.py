"""A job file is checked key by key, with its line, before anything runs; units of systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from importer.errors import Exit, MappingError
from importer.jobs.schema import Folder, Location, PickUp, load_job
from tests.campus.retiring import RETIRE
from tests.cli.conftest import Type
from tests.jobs.office import prepare

RIGHT = """version: 1
rosters:
  - from: incoming/patrons-*.csv
    mapping: small.yaml
do: apply
"""

WRONG = {
    "maping: small.yaml": (4, "`rosters[0].maping: is not a known key; did you mean `mapping`?"),
    "mapping: small.yaml\n    max_age: 26": (5, "rosters[0].max_age: must be a time, such as"),
    "mapping: small.yaml\n    from: a": (5, "from: the key appears twice"),
    "mapping: small.yaml\nguards: {creates: 120%}": (5, "guards.creates: must be a number such"),
    "mapping: small.yaml\nguards: {create: 20%}": (5, "did you mean `creates`?"),
    "mapping: small.yaml\nnotify: {email: [circ]}": (5, "email[0]: is not an email address"),
    "mapping: small.yaml\nnotify: {chat: http://example.org/}": (5, "starts with https://"),
    "mapping: small.yaml\nnotify: {chat: https://example.org:x/}": (5, "starts with https://"),
    "mapping: small.yaml\nnotify: {ping: https://example.org/a b}": (5, "without blanks"),
    "mapping: small.yaml\nnotify: {ping: https://bücher.example.org/}": (5, "in ASCII"),
    "mapping: small.yaml\nnotify: {email: [bücher@example.org]}": (5, "email[0]: is not an email"),
    "mapping: small.yaml\nsftp:\n  a: {password: open}": (6, "the name of a setting, as in"),
    "mapping: small.yaml\nkeep: 3h": (5, "keep: must be from `1d` to"),
    "mapping: small.yaml\nkeep: 999999d": (5, "keep: must be from `1d` to"),  # before all years
    "mapping: small.yaml\ndeliver_to: out": (5, "deliver_to: is only for an SIS load"),
    "mapping: small.yaml\n  - from: back/*.xlsx\n    mapping: a.yaml\nrejects_to: ./back/": (
        7, "rejects_to: is where `from` finds *.xlsx"),  # it would load them for ever
    **{f"mapping: small.yaml\n  - mapping: a.yaml\n    from: {address}": (6, sentence)
       for address, sentence in {
           "sftp://a:open@example.org/out/*.csv": "must not contain a password",
           "sftp://example.org/out/*.csv": "sftp://user@host/folder",
           "ftp://a@example.org/out/*.csv": "sftp://user@host/folder",
           "sftp://a@example.org:x/out/*.csv": "sftp://user@host/folder",
           "incoming/": "must end with a file name or a pattern",
       }.items()},
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_key_is_a_finding_with_its_line(change: str, tmp_path: Path) -> None:
    """And the message names what is right, or the nearest key."""
    line, sentence = WRONG[change]
    path = tmp_path / "nightly.yaml"
    path.write_text(RIGHT.replace("mapping: small.yaml", change), "utf-8")
    with pytest.raises(MappingError) as caught:
        load_job(path)
    assert any(
        finding.startswith(f"nightly.yaml:{line}:") and sentence.strip("`") in finding
        for finding in caught.value.findings
    ), caught.value.findings


def test_a_login_is_found_however_its_server_is_written(tmp_path: Path) -> None:
    """As host names have no case."""
    path = tmp_path / "nightly.yaml"
    text = RIGHT.replace("incoming/", "sftp://feeds@SFTP.Example.ORG/out/")
    path.write_text(f"{text}sftp:\n  SFTP.Example.ORG: {{key: id_key}}\n", "utf-8")
    file = load_job(path).file
    assert file.sftp[file.rosters[0].source.host].key == Path("id_key")


@pytest.mark.parametrize(
    ("path", "folder", "pattern"),
    [
        (r"C:\feeds\patrons-*.csv", "C:/feeds", "patrons-*.csv"),
        ("C:/feeds/patrons-*.csv", "C:/feeds", "patrons-*.csv"),
        (r"C:\p-*.csv", "C:/", "p-*.csv"),
        (r"\\files\in\p-*.csv", "//files/in", "p-*.csv"),
        ("p-*.csv", ".", "p-*.csv"),
        ("~/in/p-*.csv", "C:/ana/in", "p-*.csv"),
        ("sftp://ana@example.org/out/p-*.csv", "/out", "p-*.csv"),
    ],
)
def test_a_folder_of_windows_keeps_its_drive_or_its_share(
    path: str, folder: str, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With either slash; the root of a drive is not the folder that is open on it."""
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setenv("HOME", r"C:\ana")
    found: Location = TypeAdapter(PickUp).validate_python(path)
    assert (found.folder, found.pattern) == (folder, pattern)
    target: Location = TypeAdapter(Folder).validate_python(folder.replace("/", "\\"))
    assert target.folder == folder


def test_a_new_job_passes_its_own_check(folder: Path, typed: Type) -> None:
    """`job new` writes a job that only plans, and that `job check` accepts with a notice."""
    prepare(folder)
    words = ("-m", "small.yaml", "--from", "incoming/patrons-*.csv")
    assert typed("job", "new", "nightly.yaml", *words).exit == Exit.DONE
    job = load_job(folder / "nightly.yaml")
    assert (job.file.do, job.file.rosters[0].source.pattern) == ("plan", "patrons-*.csv")
    checked = typed("job", "check", "nightly.yaml", "--json")
    assert checked.exit == Exit.DONE
    findings = checked.summary["findings"]
    assert isinstance(findings, list)
    assert [(one["name"], one["state"]) for one in findings] == [
        ("name", "ok"), ("mapping", "ok"), ("pick-up", "warn"), ("notify", "warn"),
    ]  # fmt: skip
    assert typed("job", "new", "nightly.yaml", *words).exit == Exit.USAGE


def test_check_finds_what_would_stop_the_job(
    folder: Path, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapping that is not there or not for files, a folder that cannot be read, settings."""
    prepare(folder)
    (folder / "alma.yaml").write_text(RETIRE, "utf-8")
    others = "other.yaml\n  - from: nowhere/*.csv\n    mapping: alma.yaml"
    text = RIGHT.replace("incoming/", "nowhere/").replace("small.yaml", others)
    notify = "notify: {email: [circ@example.org], chat: $CHAT_URL, ping: $PING_URL}\n"
    login = "sftp: {sftp.example.org: {key: k}}\n"
    (folder / "nightly.yaml").write_text(text + notify + login, "utf-8")
    monkeypatch.setenv("CHAT_URL", "no address")
    checked = typed("job", "check", "nightly.yaml")
    assert checked.exit == Exit.USAGE
    for words in ("other.yaml does not exist", "nowhere", "PING_URL is not set", "ALMA_MAIL_HOST",
                  "CHAT_URL must be an address", "is on sftp.example.org",
                  "alma.yaml loads users of Alma"):  # fmt: skip
        assert words in checked.out


def test_job_new_writes_no_file_whose_name_the_job_cannot_have(folder: Path, typed: Type) -> None:
    """A name with a blank is refused before anything is written, as `job check` refuses it.

    No file is left of a folder without a pattern either.
    """
    prepare(folder)
    words = ("job", "new", "a.yaml", "-m", "small.yaml", "--from", "incoming/")
    assert (typed(*words).exit, (folder / "a.yaml").exists()) == (Exit.USAGE, False)
    got = typed("job", "new", "my job.yaml", "-m", "small.yaml")
    assert (got.exit, (folder / "my job.yaml").exists()) == (Exit.USAGE, False)
    other = typed("job", "new", "nightly", "-m", "small.yaml")  # `job list` would not find it
    assert (other.exit, (folder / "nightly").exists()) == (Exit.USAGE, False)
    (folder / "my job.yaml").write_text("version: 1\n", "utf-8")
    assert typed("job", "check", "my job.yaml").err == got.err


UNITS = Path(__file__).parents[2] / "samples" / "systemd"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_units_are_valid(tmp_path: Path) -> None:
    """With a program that is there, systemd has nothing against the service and its timer."""
    for unit in UNITS.iterdir():
        text = unit.read_text("utf-8").replace("/usr/local/bin/importer", "/bin/true")
        (tmp_path / unit.name).write_text(text, "utf-8")
    command = ("systemd-analyze", "verify", *sorted(map(str, tmp_path.iterdir())))
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_exit_codes_of_a_job_that_did_its_work_are_no_failure() -> None:
    """Rows to correct are reported by email; systemd only marks what stopped the job."""
    text = (UNITS / "importer-nightly.service").read_text("utf-8")
    assert "SuccessExitStatus=3 6\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_service_may_do_little() -> None:
    """What systemd calls its exposure, from 0 (none) to 10, is below 2."""
    command = ("systemd-analyze", "security", "--offline=yes", "--threshold=20",
               str(UNITS / "importer-nightly.service"))  # fmt: skip
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
