"""A release is what it says: one version, the same bytes twice, licenses, pinned steps."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from release import checks, sbom, windows
from release.readme import described
from release.version import of_build

ROOT = Path(__file__).parents[2]
FLOWS = {
    path.stem: YAML(typ="safe").load(path)
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of the wheel and of the source archive."""
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    for folder in folders:
        _build(ROOT, "-d", str(folder))
    return folders


def _build(checkout: Path, *words: str) -> None:
    build = (sys.executable, "-m", "hatchling", "build", *words)
    subprocess.run(build, cwd=checkout, check=True, capture_output=True)


def test_two_builds_are_identical(built: tuple[Path, Path]) -> None:
    """The wheel and the source archive, to the byte."""
    first, second = ({path.name: path.read_bytes() for path in one.iterdir()} for one in built)
    assert {Path(name).suffix for name in first} == {".whl", ".gz"}
    assert first == second


def test_the_source_archive_makes_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    """File by file; only the list of files may have another order."""
    (source,) = built[0].glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    _build(unpacked, "-t", "wheel", "-d", str(tmp_path / "made"))
    files = []
    for folder in (built[0], tmp_path / "made"):
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as made:
            names = [name for name in made.namelist() if not name.endswith("/RECORD")]
            files.append({name: made.read(name) for name in names})
    assert files[0] == files[1]


def test_the_wheel_knows_its_commit(built: tuple[Path, Path]) -> None:
    """`--version` shows it, so that a report names what ran."""
    (wheel,) = built[0].glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        commit = archive.read("importer/COMMIT").decode().strip()
    head = subprocess.check_output(("git", "rev-parse", "HEAD"), cwd=ROOT, text=True)
    assert len(commit) == 12
    assert head.startswith(commit)


def test_the_package_index_takes_the_metadata(built: tuple[Path, Path]) -> None:
    """The pinned upload refuses metadata that is newer than 2.4."""
    (wheel,), (source,) = built[0].glob("*.whl"), built[0].glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        written = [archive.read(name)]
    with tarfile.open(source) as archive:
        (name,) = (name for name in archive.getnames() if name.endswith("/PKG-INFO"))
        file = archive.extractfile(name)
        assert file is not None
        written.append(file.read())
    assert [text.splitlines()[0] for text in written] == [b"Metadata-Version: 2.4"] * 2


@pytest.mark.parametrize("repository", ["", "https://example.org/importer"])
def test_the_description_has_no_dead_link(built: tuple[Path, Path], repository: str) -> None:
    """Outside the repository a link leads into it, if its address is known, or is its words."""
    readme = (ROOT / "README.md").read_text("utf-8")
    text = described(readme, repository, "1.2.3")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file = re.fullmatch(rf"{repository}/(?:blob|raw)/v1\.2\.3/([^#]+)(?:#.*)?", target)
        assert file, target
        assert (ROOT / file[1]).is_file(), target
    assert ("## Read on" in text) == ("![" in text) == bool(repository)
    if not repository:
        (wheel,) = built[0].glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (one for one in archive.namelist() if one.endswith("/METADATA"))
            assert archive.read(name).decode().endswith(text)


def test_every_file_with_the_version_has_that_of_the_project() -> None:
    """One version at a time, also between releases."""
    assert set(checks.written().values()) == {checks.version()}


def test_a_build_is_a_release_only_at_its_tag(tmp_path: Path) -> None:
    """Before it, behind it, with changes beside it and without git, the version is another one."""

    def git(*words: str) -> None:
        asked = ("git", "-c", "user.name=o", "-c", "user.email=o@example.org", *words)
        subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True)

    def built() -> str:
        return re.sub("[0-9a-f]{12}$", "HASH", of_build(tmp_path, "1.2.3"))

    file = tmp_path / "file"
    file.write_text("one", "utf-8")
    assert built() == "1.2.3.dev0"
    git("init")
    git("add", "file")
    git("commit", "-m", "one")
    git("tag", "v1.2.2")
    before = built()
    git("tag", "-a", "v1.2.3", "-m", "Release")
    released = built()
    file.write_text("two", "utf-8")
    changed = built()
    git("commit", "-a", "-m", "two")
    seen = [before, released, changed, built()]
    assert seen == ["1.2.3.dev1+gHASH", "1.2.3", "1.2.3.post0+gHASH", "1.2.3.post1+gHASH"]


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A checkout that is ready for its tag v1.2.3."""
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "version.py").write_text('RELEASE = "1.2.3"\n', "utf-8")
    (tmp_path / "CITATION.cff").write_text("title: one\nversion: 1.2.3\n", "utf-8")
    page = tmp_path / "docs" / "reference" / "accessibility.md"
    page.parent.mkdir(parents=True)
    page.write_text("# One\n\nVersion 1.2.3, today.\n", "utf-8")
    changes = (
        "# One\n\n## Unreleased\n\n## 1.2.3 - 2026-11-28\n\n### Alma\n\n- a change\n\n## 1.2.2\n"
    )
    (tmp_path / "CHANGELOG.md").write_text(changes, "utf-8")
    return tmp_path


def test_a_release_is_ready_if_everything_says_its_version(ready: Path) -> None:
    """The project, the other files with it, the newest section of the changelog, and the tag.

    That section is what the page of the release says. An unknown address is only a reminder.
    """
    assert list(checks.findings(ready, "v1.2.3")) == []
    assert checks.notes(ready).strip() == "### Alma\n\n- a change"
    assert checks.reminder(ready)
    with (ready / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('[project.urls]\nRepository = "https://example.org"\n')
    assert not checks.reminder(ready)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("release/version.py", "1.2.3", "1.2.4"),
        ("release/version.py", "1.2.3", "1.2.3.dev1"),
        ("CITATION.cff", "1.2.3", "1.2.2"),
        ("docs/reference/accessibility.md", "1.2.3", "1.2.2"),
        ("CHANGELOG.md", "## 1.2.3 - 2026-11-28", "## 1.2.2 - 2026-10-01"),
        ("CHANGELOG.md", "- 2026-11-28", ""),
        ("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n### Jobs\n\n- another\n"),
    ],
)
def test_a_place_that_says_something_else_stops_the_release(
    ready: Path, file: str, before: str, after: str
) -> None:
    """Each place alone."""
    path = ready / file
    path.write_text(path.read_text("utf-8").replace(before, after), "utf-8")
    assert list(checks.findings(ready, "v1.2.3"))


def test_every_library_of_a_release_has_a_permitted_license() -> None:
    """All of the lock file, also those that only other systems need."""
    libraries = checks.libraries()
    assert len(libraries) > 40
    found = {library: checks.license_of(library) for library in libraries}
    assert not {one: text for one, text in found.items() if not checks.is_permitted(text)}


def test_a_component_has_its_license_and_its_condition() -> None:
    """A license outside the SPDX list is a name; the release contains every component."""
    one = {"name": "one", "bom-ref": "L1", "description": "line 1: one==1 ; x     --hash=a"}
    two = {"name": "two", "bom-ref": "L2", "description": "line 2: two==1     --hash=b"}
    bom = {"components": [one, two], "metadata": {"component": {"bom-ref": "root"}}}
    made = sbom.completed(bom, {"one": "MIT OR ISC", "two": "ISC License"})
    assert [part["licenses"] for part in made["components"]] == [
        [{"expression": "MIT OR ISC"}],
        [{"license": {"name": "ISC License"}}],
    ]
    assert [part["description"] for part in made["components"]] == ["one==1 ; x", "two==1"]
    assert made["dependencies"][0] == {"ref": "root", "dependsOn": ["L1", "L2"]}


@pytest.mark.parametrize(
    "text",
    [
        "GPL-3.0-only",
        "GPL-3.0-only AND MIT",
        "AGPL-3.0 AND BSD-3-Clause",
        "SSPL-1.0 AND MIT",
        "GNU GENERAL PUBLIC LICENSE: everyone is permitted to copy",
        "Proprietary, limited use",
        "License :: OSI Approved",
    ],
)
def test_a_license_that_only_looks_permitted_is_refused(text: str) -> None:
    """A word that contains a name is none, and each part of an expression counts."""
    assert not checks.is_permitted(text)


def _steps() -> list[dict[str, str]]:
    """All steps of all workflows."""
    return [
        step for flow in FLOWS.values() for job in flow["jobs"].values() for step in job["steps"]
    ]


def test_every_action_of_a_workflow_is_pinned_by_its_hash() -> None:
    """A tag can be moved, a commit cannot; the tag stands in a comment."""
    used = [step["uses"] for step in _steps() if "uses" in step]
    assert used
    for one in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one), one
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for line in path.read_text("utf-8").splitlines():
            assert "uses:" not in line or re.search(r"# v\d", line), line


def test_only_a_job_without_tests_may_attest_or_publish() -> None:
    """Libraries of tests and builds never run where a token can be had; the page comes last.

    The package index takes only what the environment that is registered there gives a token.
    """
    assert all(flow["permissions"] == {"contents": "read"} for flow in FLOWS.values())
    assert not any("permissions" in job for job in FLOWS["test"]["jobs"].values())
    jobs = FLOWS["release"]["jobs"]
    for job in jobs.values():
        if "write" in job.get("permissions", {}).values():
            runs = [step["run"] for step in job["steps"] if "run" in step]
            assert runs in ([], ["make release-page"])
    publishes = [name for name, job in jobs.items() if {*job} >= {"permissions", "environment"}]
    assert [name for name in publishes if "id-token" in jobs[name]["permissions"]] == ["index"]
    assert [job.get("needs") for job in jobs.values()] == [None, "build", "attest", "index"]


def test_every_step_of_a_workflow_is_a_target_that_runs_anywhere() -> None:
    """`make TARGET` or `.ci/run`; nothing is done on a server that cannot be done at home."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for step in _steps():
        if "run" in step:
            made = re.match(r"make ([a-z-]+)", step["run"])
            assert step["run"] == ".ci/run" or (made and made[1] in targets), step


def test_a_python_with_another_hash_is_not_unpacked(tmp_path: Path) -> None:
    """Only the file whose hash was named becomes part of the zip for Windows."""
    python = tmp_path / "python.zip"
    python.write_bytes(b"no zip")
    with pytest.raises(windows.NotBuiltError):
        windows.unpacked(python, "0" * 64, tmp_path / "python")
    assert not (tmp_path / "python").exists()


def test_the_zip_for_windows_starts_the_importer_with_its_own_python(tmp_path: Path) -> None:
    """A stand-in of the same layout: its Python looks into `libraries`, beside the starters."""
    python = tmp_path / "python-3.13.1-embed-amd64.zip"
    with zipfile.ZipFile(python, "w") as archive:
        archive.writestr("python.exe", "")
        archive.writestr("python313._pth", "python313.zip\n.\n\n# Uncomment: import site\n")
    sha256 = hashlib.sha256(python.read_bytes()).hexdigest().upper()
    folder = tmp_path / "windows"
    assert windows.unpacked(python, sha256, folder / "python") == "3.13"
    looked = (folder / "python" / "python313._pth").read_text("utf-8").split()
    assert looked == ["python313.zip", ".", r"..\libraries"]
    starters = {path.name: path.read_bytes() for path in windows.STARTERS.iterdir()}
    assert {"Start.cmd", "Console.cmd", "importer.cmd"} <= starters.keys()
    for text in starters.values():
        assert text.count(b"\n") == text.count(b"\r\n")
    assert rb'"%~dp0python\python.exe" -m importer -C "%~dp0work" web' in starters["Start.cmd"]
    assert not any(b"cd /d" in text for text in starters.values())  # it fails on a share
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    windows.zipped(folder, first)
    windows.zipped(folder, second)
    assert first.read_bytes().replace(b"a/python", b"b/python") == second.read_bytes()


def test_the_classifiers_name_the_tried_versions() -> None:
    """Those of the workflow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {one.rpartition(" ")[2] for one in project["classifiers"] if " 3." in one}
    assert named == set(FLOWS["test"]["jobs"]["systems"]["strategy"]["matrix"]["python"])
