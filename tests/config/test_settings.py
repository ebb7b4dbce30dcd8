"""Settings come from defaults, a TOML file and the environment, and say early what is wrong."""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import get_args

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from config.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "config" / "example.env"
PRODUCTION = {
    "TUILA_ENVIRONMENT": "production",
    "TUILA_PUBLIC_URL": "https://tuila.example.test",
    "TUILA_WECHAT__GH_ID": "gh_1",
    "TUILA_WECHAT__APPID": "wx1",
    "TUILA_WECHAT__SECRET": "s",
    "TUILA_WECHAT__TOKEN": "t",
    "TUILA_WECHAT__MODE": "plain",
    "TUILA_SMS__BASE_URL": "https://sms.example.test",
    "TUILA_SMS__API_KEY": "k",
    "TUILA_BOSS__BASE_URL": "https://boss.example.test",
    "TUILA_BOSS__API_KEY": "k",
}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TUILA_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)


def fields_of(model: type[BaseModel], prefix: str = "TUILA_") -> Iterator[tuple[str, str | None, object]]:
    """Every leaf field: its environment name, its description, its annotation."""
    for name, field in model.model_fields.items():
        groups = [part for part in (field.annotation, *get_args(field.annotation)) if _is_group(part)]
        if groups:
            yield from fields_of(groups[0], f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field.description, field.annotation


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and annotation is not NoneType and issubclass(annotation, BaseModel)


def test_each_field_appears_in_the_example_and_nothing_else_does() -> None:
    shown = set(re.findall(r"^#(TUILA_\w+)=", EXAMPLE.read_text("utf-8"), re.MULTILINE)) - {"TUILA_CONFIG"}
    assert shown == {name for name, _, _ in fields_of(Settings)}


def test_each_field_has_a_one_line_description() -> None:
    assert [name for name, text, _ in fields_of(Settings) if not text or "\n" in text.strip()] == []


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in re.findall(r"^#(TUILA_\w+)=(.+)$", EXAMPLE.read_text("utf-8"), re.MULTILINE):
        if not name.startswith(
            ("TUILA_CONFIG", "TUILA_REDIS", "TUILA_WECHAT", "TUILA_SMS", "TUILA_BOSS", "TUILA_CAMARA")
        ):
            monkeypatch.setenv(name, value)
    shown = Settings()
    for name in [name for name in os.environ if name.startswith("TUILA_")]:
        monkeypatch.delenv(name)
    assert shown == Settings()


def test_a_start_with_nothing_set_uses_a_database_in_the_data_directory() -> None:
    settings = Settings(data_dir=Path("elsewhere"))
    assert settings.database_url.get_secret_value() == "sqlite:///elsewhere/tuila.db"
    assert settings.locale == "zh-CN"
    assert settings.deadline == timedelta(seconds=4.5)
    assert settings.wechat is None and settings.sms is None and settings.boss is None


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "tuila.toml"
    file.write_text('port = 1\nhost = "0.0.0.0"\n[limits.codes]\ntries = 3\nlifetime = 120\n', "utf-8")
    monkeypatch.setenv("TUILA_CONFIG", str(file))
    monkeypatch.setenv("TUILA_PORT", "9000")
    monkeypatch.setenv("TUILA_LIMITS__CODES__LIFETIME", "PT3M")
    settings = Settings()
    assert (settings.port, settings.host) == (9000, "0.0.0.0")
    assert (settings.limits.codes.tries, settings.limits.codes.lifetime) == (3, timedelta(minutes=3))
    assert settings.limits.codes.number_per_hour == 5


def test_a_named_file_that_is_missing_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TUILA_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(FileNotFoundError):
        Settings()


def test_a_mistyped_name_in_a_group_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUILA_LIMITS__CODES__TRYS", "3")
    with pytest.raises(ValidationError, match="trys"):
        Settings()


def test_an_encrypted_wechat_account_needs_its_key(monkeypatch: pytest.MonkeyPatch, production: None) -> None:
    monkeypatch.setenv("TUILA_WECHAT__MODE", "encrypted")
    with pytest.raises(ValidationError, match="encoding_aes_key"):
        Settings()


def test_a_complete_production_starts(production: None) -> None:
    settings = Settings()
    assert settings.wechat is not None and settings.wechat.mode == "plain"


@pytest.mark.parametrize("group", ["WECHAT", "SMS", "BOSS"])
def test_production_refuses_a_stand_in(monkeypatch: pytest.MonkeyPatch, production: None, group: str) -> None:
    for name in PRODUCTION:
        if name.startswith(f"TUILA_{group}__"):
            monkeypatch.delenv(name)
    with pytest.raises(ValidationError, match=group.lower()):
        Settings()


def test_production_refuses_plain_http(monkeypatch: pytest.MonkeyPatch, production: None) -> None:
    monkeypatch.setenv("TUILA_PUBLIC_URL", "http://tuila.example.test")
    with pytest.raises(ValidationError, match="https"):
        Settings()


def test_settings_cannot_be_changed_and_do_not_show_secrets(production: None) -> None:
    settings = Settings(database_url=SecretStr("postgresql://tuila:hunter2@db/tuila"))
    name = "port"
    with pytest.raises(ValidationError):
        setattr(settings, name, 1)
    assert "hunter2" not in repr(settings)


def test_no_secret_has_a_default() -> None:
    for name, _, annotation in fields_of(Settings):
        if annotation is SecretStr and name != "TUILA_DATABASE_URL":  # the default database has no password
            assert name in {
                "TUILA_WECHAT__SECRET", "TUILA_WECHAT__TOKEN", "TUILA_SMS__API_KEY", "TUILA_BOSS__API_KEY",
                "TUILA_CAMARA__CLIENT_SECRET",
            }  # fmt: skip
