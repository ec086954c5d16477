"""Settings: the environment first, then a `.env` that only its owner can have written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from importer.errors import AccessError, UsageError
from importer.settings import (
    DESTINATION,
    ENV_BYTES,
    SECRET_FOLDERS,
    Settings,
    mail_settings,
    named,
    web_settings,
    write_env,
)
from tests.zoo.specimen import banned


@pytest.fixture(autouse=True)
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, no setting in the environment; where its `.env` is written."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("ALMA_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)
    return tmp_path / ".env"


def _write(env: Path, text: str, mode: int = 0o600) -> None:
    env.write_text(text, "utf-8")
    env.chmod(mode)


def test_the_environment_comes_before_the_file(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names in any case, values in quotation marks or not; the same one of the environment wins.

    A blank one counts as not set, here and there.
    """
    blank = "ALMA_CA_BUNDLE=\nALMA_MAIL_PORT=\n"
    _write(env, f'ALMA_API_KEY="l7xx"\nalma_region=eu\nALMA_RATE=12.5\nOTHER=1\n{blank}')
    monkeypatch.setenv("ALMA_PLAN_DAYS", "")
    settings = Settings.read()
    assert (settings.alma_ca_bundle, settings.alma_mail_port, settings.alma_plan_days) == (
        None, 587, 7,
    )  # fmt: skip
    assert settings.key.get_secret_value() == "l7xx"
    assert (settings.alma_region, settings.alma_rate) == ("eu", 12.5)
    for name, value in (("API_KEY", "other"), ("REGION", "na"), ("RATE", "6")):
        monkeypatch.setenv(f"ALMA_{name}", value)
    settings = Settings.read()
    assert settings.key.get_secret_value() == "other"
    assert (settings.alma_region, settings.alma_rate) == ("na", 6)


@pytest.mark.parametrize("around", ["{}\n", " {} ", "\u00a0{}\r\n"])
def test_blanks_around_a_value_do_not_count(
    around: str, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the end of a line that a program or a copied text leaves there."""
    monkeypatch.setenv("ALMA_API_KEY", around.format("l7xx"))
    _write(env, f'ALMA_MAIL_HOST="{around.format("mail.example.org")}"')
    settings = Settings.read()
    assert (settings.key.get_secret_value(), settings.alma_mail_host) == (
        "l7xx",
        "mail.example.org",
    )


@pytest.mark.parametrize(
    "line",
    [
        "set ALMA_API_KEY=l7xx",
        '$env:ALMA_API_KEY = "l7xx"',
        "ALMA_API_KEY: l7xx",
        "ALMA_API_KEY:l7xx",
        'alma_rate="8',
    ],
)
def test_a_setting_that_cannot_be_read_is_named_by_its_line(
    line: str, env: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """In our words only, without its text, and it does not count as not set; others may be odd."""
    _write(env, f"ALMA_REGION=na\r\nif [ x ]\r\n\r\n{line}\r\n")
    with pytest.raises(UsageError, match=r"^Line 4 of \.env") as caught:
        Settings.read()
    assert "l7xx" not in str(caught.value)
    assert (*capfd.readouterr(), caplog.text) == ("", "", "")


@pytest.mark.parametrize(
    "line",
    [
        "; ALMA_API_KEY=old",
        "//ALMA_RATE=9",
        "-- ALMA_RATE: see compose.yaml",
        "PALMA_RATE: 9",
        'if [ -z "$ALMA_API_KEY" ]; then',
        'PALMA_KEY="-----BEGIN KEY-----\nALMA+RATE/==\n-----END KEY-----"',
        "my.setting=ALMA_RATE: 9",
    ],
)
def test_a_line_of_another_program_is_none_of_ours(line: str, env: Path) -> None:
    """Whatever it names; comments as other programs write them set nothing."""
    _write(env, f"{line}\nALMA_API_KEY=l7xx\n")
    settings = Settings.read()
    assert (settings.key.get_secret_value(), settings.alma_rate) == ("l7xx", 8)


def test_the_last_of_two_lines_counts(env: Path) -> None:
    """Also where it is blank, so that the setting is not set."""
    _write(env, "ALMA_RATE=5\nALMA_REGION=eu\nalma_rate=\nALMA_REGION=na\n")
    assert (Settings.read().alma_rate, Settings.read().alma_region) == (8, "na")


@pytest.mark.parametrize("line", ["set ALMA_API_KEY=old", "$env:ALMA_API_KEY='old'"])
def test_a_key_is_written_in_place_of_a_line_that_cannot_be_read(line: str, env: Path) -> None:
    """The page repairs what it sets; other lines stay."""
    _write(env, f"# ALMA_API_KEY: ask IT\n{line}\nALMA_REGION=na\n")
    write_env(env, {"ALMA_API_KEY": "new45678"})
    settings = Settings.read()
    assert (settings.key.get_secret_value(), settings.alma_region) == ("new45678", "na")
    assert env.read_text("utf-8").startswith("# ALMA_API_KEY: ask IT\nALMA_REGION")


def test_lines_in_an_open_quotation_stay(env: Path) -> None:
    """Of another program, with a key among them: a person must say where the quotation ends."""
    _write(env, 'OTHER="abc\nALMA_API_KEY=old\nLAST="x"\n')
    with pytest.raises(UsageError, match=r"^Line 1 of"):
        Settings.read()
    write_env(env, {"ALMA_API_KEY": "new45678"})
    assert 'LAST="x"' in env.read_text("utf-8")


def test_a_value_is_taken_as_it_is_written(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable is filled in: a password may have these signs."""
    monkeypatch.setenv("OTHER", "x")
    _write(env, "ALMA_MAIL_PASSWORD='a${OTHER}$b#c'")
    secret = Settings.read().alma_mail_password
    assert secret is not None
    assert secret.get_secret_value() == "a${OTHER}$b#c"


@pytest.mark.parametrize("variable", SECRET_FOLDERS)
def test_a_file_of_secrets_is_a_setting(
    variable: str, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the environment, above `.env`, which then does not decide where the key goes."""
    secrets = env.parent / "secrets"
    secrets.mkdir()
    (secrets / "alma_api_key").write_text("l7xx\n", "utf-8")
    (secrets / "ALMA_REGION").write_text("eu", "utf-8")
    (secrets / "ALMA_RATE").write_text("4", "utf-8")
    (secrets / "FEEDS_PASSWORD").write_text("open\n", "utf-8")
    monkeypatch.setenv(variable, str(secrets))
    monkeypatch.setenv("ALMA_RATE", "5")
    _write(env, "ALMA_REGION=na\nALMA_RESERVE=7\nCHAT=https://chat.example.org\n")
    settings = Settings.read()
    assert settings.key.get_secret_value() == "l7xx"
    assert (settings.alma_region, settings.alma_rate, settings.alma_reserve) == ("eu", 5, 7)
    found = [named(name) for name in ("FEEDS_PASSWORD", "CHAT", "OTHER")]
    assert [value and value.get_secret_value() for value in found] == [
        "open", "https://chat.example.org", None,
    ]  # fmt: skip
    _write(env, "ALMA_PROXY=http://127.0.0.1:9\n")
    with pytest.raises(UsageError, match=r"ALMA_PROXY in \.env decides that"):
        Settings.read()


@pytest.mark.parametrize("name", DESTINATION)
def test_a_file_never_decides_where_a_key_of_the_environment_goes(
    name: str, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` that came with a roster cannot send the key, also if it has one of its own."""
    monkeypatch.setenv("ALMA_API_KEY", "l7xx")
    monkeypatch.setenv("ALMA_REGION" if name != "ALMA_REGION" else "ALMA_RATE", "na")
    _write(env, f"ALMA_API_KEY=other\n{name.lower()}=http://127.0.0.1:9\n")
    with pytest.raises(UsageError, match=f"{name} in .env decides that"):
        Settings.read()


def test_a_message_needs_only_its_own_settings(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that loads need is wrong, or in the wrong place: that is what it reports."""
    monkeypatch.setenv("ALMA_API_KEY", "l7xx")
    monkeypatch.setenv("ALMA_MAIL_HOST", "127.0.0.1")
    monkeypatch.setenv("ALMA_MAIL_FROM", "importer@example.org")
    _write(env, "ALMA_REGION=na\nALMA_RATE=fast\nALMA_RESERVE=-1\n")
    with pytest.raises(UsageError):
        Settings.read()
    assert (mail_settings().alma_mail_host, web_settings().alma_proxy) == ("127.0.0.1", "")
    env.chmod(0o666)
    assert mail_settings().alma_mail_host == "127.0.0.1"
    env.chmod(0o600)
    _write(env, "CHAT=https://chat.example.org\nset ALMA_RATE=9\nALMA_VERIFY_DELAY=7\n")
    chat = named("CHAT")
    assert chat is not None
    assert (chat.get_secret_value(), mail_settings().alma_verify_delay) == (
        "https://chat.example.org",
        7,
    )
    monkeypatch.setenv("ALMA_MAIL_PORT", "none")
    with pytest.raises(UsageError, match="ALMA_MAIL_PORT must be a port"):
        mail_settings()
    assert web_settings().alma_rate == Settings.model_fields["alma_rate"].default
    _write(env, "ALMA_PROXY=http://127.0.0.1:9\n")
    with pytest.raises(UsageError, match=r"ALMA_PROXY in \.env decides that"):
        web_settings()


@pytest.mark.skipif(os.name != "posix", reason="other systems keep permissions differently")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
@pytest.mark.parametrize("text", ["ALMA_API_KEY=l7xx\n", "ALMA_RATE=5\n"])
def test_a_file_that_others_can_change_is_refused(mode: int, text: str, env: Path) -> None:
    """Whatever it contains now: the message names the file and the command that protects it."""
    _write(env, text, mode)
    with pytest.raises(UsageError, match=r"\.env.* chmod 600 \.env"):
        Settings.read()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(env: Path) -> None:
    """Another user of this computer must not decide where the key is sent."""
    _write(env, "ALMA_API_KEY=l7xx\n")
    os.chown(env, 12345, -1)
    with pytest.raises(UsageError, match="belongs to another user"):
        Settings.read()


def test_a_key_that_everybody_can_read_is_not_used(env: Path) -> None:
    """Without the key in it, the same file may be open to everybody; with it, to a group."""
    _write(env, "ALMA_RATE=5\n", 0o644)
    assert Settings.read().alma_rate == 5
    _write(env, "ALMA_API_KEY=l7xx\n", 0o640)
    assert Settings.read().key.get_secret_value() == "l7xx"
    _write(env, "ALMA_API_KEY=l7xx\n", 0o644)
    with pytest.raises(AccessError, match="chmod 600"):
        _ = Settings.read().key


def test_a_settings_file_of_notepad_is_named(env: Path) -> None:
    """It adds an ending that Windows does not show."""
    _write(env.with_suffix(".txt"), "ALMA_API_KEY=l7xx\n")
    with pytest.raises(AccessError, match=r"rename .env.txt"):
        _ = Settings.read().key


def test_a_folder_called_env_is_not_a_settings_file(env: Path) -> None:
    """Some make their virtual environment under that name."""
    env.mkdir()
    assert Settings.read().alma_rate == 8


def test_a_pipe_or_a_huge_file_is_refused(env: Path) -> None:
    """Neither hangs; neither is read."""
    os.mkfifo(env)
    with pytest.raises(UsageError, match="pipe or a device"):
        Settings.read()
    env.unlink()
    _write(env, "#" * (ENV_BYTES + 1))
    with pytest.raises(UsageError, match="larger than"):
        Settings.read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALMA_VERIFY_DELAY", "inf"),
        ("ALMA_VERIFY_DELAY", "nan"),
        ("ALMA_VERIFY_DELAY", "-1"),
        ("ALMA_VERIFY_DELAY", "3601"),
        ("ALMA_VERIFY_DELAY", "x"),
        ("ALMA_RATE", "fast"),
        ("ALMA_RATE", "nan"),
        ("ALMA_RATE", "0"),
        ("ALMA_RATE", "51"),
        ("ALMA_RESERVE", "-1"),
        ("ALMA_RESERVE", "9" * 5000),
        ("ALMA_PLAN_DAYS", "0"),
        ("ALMA_PLAN_DAYS", "366"),
    ],
)
def test_a_value_outside_its_range_is_refused(name: str, value: str, env: Path) -> None:
    """Every number has two ends, so that no setting makes a run wait for ever."""
    _write(env, f"{name}={value}\n")
    with pytest.raises(UsageError, match=f"{name} must be a") as caught:
        Settings.read()
    assert banned(str(caught.value)) == []
