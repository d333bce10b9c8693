"""The environment → settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from llm_interactive.errors import InvalidRequest, SetupError
from llm_interactive.settings import ChatOptions, ProjectParams, Settings, SettingsError


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("prompt_prefix", "prompt"),
        ("response_prefix", "response"),
        ("use_internal_prompt_template", True),
        ("prompt_template", "Source Text: {text}\n\nTask Directive: {prompt}"),
        ("default_prompt", None),
        ("system_prompt", None),
        ("openai_provider", "openai"),
        ("openai_model", "gpt-3.5-turbo"),
        ("openai_api_key", None),
        ("openai_base_url", None),
        ("temperature", 0.7),
        ("num_responses", 1),
        ("max_tokens", None),
        ("structured_output", "auto"),
        ("azure_resource_endpoint", None),
        ("azure_deployment_name", None),
        ("azure_api_version", "2023-05-15"),
        ("label_studio_url", None),
        ("label_studio_api_key", None),
        ("max_concurrency", 32),
        ("predict_deadline", 85),
        ("reply_ttl", 24),
        ("show_errors_in_response", True),
        ("basic_auth_user", None),
        ("basic_auth_pass", None),
        ("host", "127.0.0.1"),
        ("port", 9090),
        ("database_url", None),
        ("log_level", "INFO"),
    ],
)
def test_the_default_is_the_specs(name: str, default: object) -> None:
    assert getattr(Settings.from_environment(), name) == default


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("PROMPT_PREFIX", "my-prompt", "my-prompt"),
        ("RESPONSE_PREFIX", "answer", "answer"),
        ("USE_INTERNAL_PROMPT_TEMPLATE", "0", False),
        ("USE_INTERNAL_PROMPT_TEMPLATE", "1", True),
        ("PROMPT_TEMPLATE", "{prompt}\n{text}", "{prompt}\n{text}"),
        ("PROMPT_TEMPLATE", "{prompt}\\n{text}", "{prompt}\n{text}"),
        ("DEFAULT_PROMPT", "Classify this text.", "Classify this text."),
        ("SYSTEM_PROMPT", "You label texts.", "You label texts."),
        ("OPENAI_PROVIDER", "azure", "azure"),
        ("OPENAI_PROVIDER", "Ollama", "ollama"),
        ("OPENAI_MODEL", "gpt-4", "gpt-4"),
        ("OPENAI_BASE_URL", "http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("TEMPERATURE", "0", 0.0),
        ("TEMPERATURE", "2", 2.0),
        ("NUM_RESPONSES", "3", 3),
        ("MAX_TOKENS", "100", 100),
        ("TEMPERATURE", "none", None),
        ("STRUCTURED_OUTPUT", "Off", "off"),
        ("AZURE_RESOURCE_ENDPOINT", "https://mine.openai.azure.com", "https://mine.openai.azure.com"),
        ("AZURE_DEPLOYMENT_NAME", "mine", "mine"),
        ("AZURE_API_VERSION", "2024-10-21", "2024-10-21"),
        ("OLLAMA_ENDPOINT", "http://ollama:11434/v1", "http://ollama:11434/v1"),
        ("LABEL_STUDIO_URL", "https://ls.example.com", "https://ls.example.com"),
        ("MODEL_DIR", "/data", Path("/data")),
        ("PORT", "8000", 8000),
        ("WORKERS", "2", 2),
        ("THREADS", "16", 16),
        ("REPLY_TTL", "0", 0.0),
        ("SHOW_ERRORS_IN_RESPONSE", "0", False),
        ("LOG_LEVEL", "debug", "DEBUG"),
    ],
)
def test_a_variable_sets_it(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: object) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(Settings.from_environment(), variable.lower()) == expected


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "LABEL_STUDIO_API_KEY", "DATABASE_URL"])
def test_a_secret_is_kept_as_one(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "sqlite:///hush.db")
    settings = Settings.from_environment()
    assert getattr(settings, variable.lower()) == SecretStr("sqlite:///hush.db")
    assert "hush" not in repr(settings)


@pytest.mark.parametrize("variable", [name.upper() for name in Settings.model_fields])
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    before = Settings.from_environment()
    monkeypatch.setenv(variable, "")
    assert Settings.from_environment() == before


def wrong_setting(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> str:
    """The message about `variable` holding `value`."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    return str(caught.value)


WRONG = [
    ("USE_INTERNAL_PROMPT_TEMPLATE", "2", "0 or 1"),
    ("USE_INTERNAL_PROMPT_TEMPLATE", "maybe", "0 or 1"),
    ("PROMPT_TEMPLATE", "Source Text: {text}", "{prompt}"),
    ("PROMPT_TEMPLATE", "Only {{prompt}}", "{prompt}"),
    ("OPENAI_PROVIDER", "anthropic", "openai, azure or ollama"),
    ("OPENAI_BASE_URL", "localhost:8000", "http(s)"),
    ("OPENAI_BASE_URL", "ftp://localhost", "http(s)"),
    ("OPENAI_BASE_URL", "http://", "http(s)"),
    ("OPENAI_BASE_URL", "http://[::1", "http(s)"),
    ("OPENAI_BASE_URL", "http://localhost:http", "http(s)"),
    ("OPENAI_BASE_URL", "http://localhost:70000", "http(s)"),
    ("AZURE_RESOURCE_ENDPOINT", "my-resource", "http(s)"),
    ("OLLAMA_ENDPOINT", "ollama:11434", "http(s)"),
    ("LABEL_STUDIO_URL", "label-studio", "http(s)"),
    ("TEMPERATURE", "hot", "from 0 to 2"),
    ("TEMPERATURE", "-0.1", "from 0 to 2"),
    ("TEMPERATURE", "2.1", "from 0 to 2"),
    ("TEMPERATURE", "nan", "from 0 to 2"),
    ("NUM_RESPONSES", "0", "whole number"),
    ("NUM_RESPONSES", "1.5", "whole number"),
    ("NUM_RESPONSES", "17", "16"),
    ("MAX_TOKENS", "0", "at least 1"),
    ("STRUCTURED_OUTPUT", "always", "auto or off"),
    ("MAX_CONCURRENCY", "0", "from 1"),
    ("LLM_TIMEOUT", "0", "from 1"),
    ("PREDICT_DEADLINE", "never", "number"),
    ("REPLY_TTL", "-1", "at least 0"),
    ("REPLY_TTL", "nan", "at least 0"),
    ("SHOW_ERRORS_IN_RESPONSE", "perhaps", "0 or 1"),
    ("PORT", "0", "1 to 65535"),
    ("PORT", "65536", "1 to 65535"),
    ("PORT", "http", "1 to 65535"),
    ("WORKERS", "0", "from 1"),
    ("THREADS", "8", "from 9"),
    ("MAX_REQUEST_MB", "0", "from 1"),
    ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
]


@pytest.mark.parametrize(("variable", "value", "allowed"), WRONG)
def test_a_wrong_value_is_told_with_variable_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    message = wrong_setting(monkeypatch, variable, value)
    assert variable in message
    assert value in message
    assert allowed in message


@pytest.mark.parametrize(
    ("variable", "value"), [*((variable, value) for variable, value, _ in WRONG), ("PROMPT_TEMPLATE", "two\nlines")]
)
def test_a_wrong_value_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    assert len(wrong_setting(monkeypatch, variable, value).splitlines()) == 1


@pytest.mark.parametrize(
    "address", ["nonsense", "hush", "mysqll://u:hush@host/db", "postgresql+nodriver://u:hush@host/db"]
)
def test_a_wrong_database_address_stops_the_start_and_its_password_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    message = wrong_setting(monkeypatch, "DATABASE_URL", address)
    assert "DATABASE_URL" in message
    assert "hush" not in message


@pytest.mark.parametrize(
    ("given", "missing"), [("BASIC_AUTH_USER", "BASIC_AUTH_PASS"), ("BASIC_AUTH_PASS", "BASIC_AUTH_USER")]
)
def test_user_and_password_go_together(monkeypatch: pytest.MonkeyPatch, given: str, missing: str) -> None:
    message = wrong_setting(monkeypatch, given, "hush")
    assert message.startswith(missing)
    assert "hush" not in message


def test_user_and_password_together_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASIC_AUTH_USER", "ann")
    monkeypatch.setenv("BASIC_AUTH_PASS", "hush")
    assert Settings.from_environment().basic_auth_user == "ann"


def test_the_default_prompt_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("Classify this text.\nBe brief: ü.\n", encoding="utf-8")
    monkeypatch.setenv("DEFAULT_PROMPT", str(file))
    assert Settings.from_environment().default_prompt == "Classify this text.\nBe brief: ü."


@pytest.mark.parametrize(
    "text", ["Positive/negative?", "two\nlines", "x" * 5000, "Is it {text}?", "/no/such/file is a path", "."]
)
def test_a_default_prompt_that_is_no_file_is_the_text(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DEFAULT_PROMPT", text)
    assert Settings.from_environment().default_prompt == text


def test_a_default_prompt_file_that_is_no_text_stops_the_start_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "prompt.bin"
    file.write_bytes(b"\xff\xfe\x00")
    message = wrong_setting(monkeypatch, "DEFAULT_PROMPT", str(file))
    assert message.startswith("DEFAULT_PROMPT")
    assert len(message.splitlines()) == 1


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "OPENAI_API_KEY"),
        ({"openai_provider": "azure", "azure_resource_endpoint": "https://a.example"}, "OPENAI_API_KEY"),
        ({"openai_provider": "azure", "openai_api_key": "k"}, "AZURE_RESOURCE_ENDPOINT"),
    ],
)
def test_what_every_call_needs_is_named_when_it_is_missing(values: dict[str, Any], missing: str) -> None:
    with pytest.raises(SetupError, match=missing):
        Settings(**values).require_access()


@pytest.mark.parametrize(
    "values",
    [
        {"openai_api_key": "k"},
        {"openai_provider": "ollama"},
        {"openai_provider": "azure", "openai_api_key": "k", "azure_resource_endpoint": "https://a.example"},
    ],
)
def test_with_what_every_call_needs_nothing_is_missing(values: dict[str, Any]) -> None:
    Settings(**values).require_access()


@pytest.mark.parametrize(
    ("values", "model"),
    [
        ({}, "gpt-3.5-turbo"),
        ({"openai_model": "gpt-4"}, "gpt-4"),
        ({"openai_provider": "azure", "azure_deployment_name": "mine"}, "mine"),
        ({"azure_deployment_name": "mine"}, "gpt-3.5-turbo"),
    ],
)
def test_the_model_is_named_by_the_deployment_on_azure(values: dict[str, Any], model: str) -> None:
    assert Settings(**values).model == model


def test_the_embedded_database_stands_in_the_model_dir() -> None:
    assert Settings(model_dir=Path("/data")).sqlalchemy_url.startswith("sqlite:////data/")


def test_another_database_is_taken_as_given() -> None:
    assert Settings(database_url="postgresql+psycopg://u:p@h/d").sqlalchemy_url == "postgresql+psycopg://u:p@h/d"


@pytest.mark.parametrize("extra", [None, "", "  ", {}, "{}", "null"])
def test_no_extra_params_choose_nothing(extra: object) -> None:
    assert Settings().chat_options(ProjectParams.parse(extra)) == ChatOptions()


def test_the_options_of_a_chat_are_the_settings() -> None:
    settings = Settings(
        openai_model="gpt-4o",
        temperature=None,
        num_responses=2,
        max_tokens=5,
        prompt_template="{prompt}",
        default_prompt="D",
        system_prompt="S",
        structured_output="off",
        image_mode="ocr",
        image_detail="low",
        max_prompt_characters=5_000,
    )
    expected = ChatOptions("gpt-4o", None, 2, 5, "{prompt}", "D", "S", False, "ocr", "low", 5_000)
    assert settings.chat_options(ProjectParams()) == expected


def test_without_the_internal_template_the_options_have_none() -> None:
    settings = Settings(use_internal_prompt_template=False, prompt_template="{prompt}")
    assert settings.chat_options(ProjectParams.parse({"template": "Mine: {prompt}"})).prompt_template is None


def test_the_options_name_azures_deployment_even_where_the_project_names_a_model() -> None:
    settings = Settings(openai_provider="azure", azure_deployment_name="mine")
    assert settings.chat_options(ProjectParams.parse({"model": "gpt-4o"})).model == "mine"


@pytest.mark.parametrize(
    ("extra", "name", "value"),
    [
        ({"model": "gpt-4o"}, "model", "gpt-4o"),
        ('{"model": "gpt-4o"}', "model", "gpt-4o"),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"system_prompt": "S"}, "system_prompt", "S"),
        ({"temperature": 0}, "temperature", 0.0),
        ({"num_responses": 2}, "num_responses", 2),
        ({"template": "{prompt}"}, "prompt_template", "{prompt}"),
        ({"prompt": "Classify."}, "default_prompt", "Classify."),
    ],
)
def test_a_project_chooses_for_itself(extra: object, name: str, value: object) -> None:
    assert getattr(Settings().chat_options(ProjectParams.parse(extra)), name) == value


OPERATORS = ["openai_api_key", "openai_base_url", "openai_provider", "azure_resource_endpoint", "ollama_endpoint"]


@pytest.mark.parametrize("name", [*OPERATORS, "database_url", "label_studio_url", "basic_auth_pass", "model_dir"])
def test_a_project_cannot_move_an_address_or_a_key(name: str) -> None:
    extra = {name: "http://elsewhere.example", name.upper(): "http://elsewhere.example"}
    assert Settings().chat_options(ProjectParams.parse(extra)) == ChatOptions()


@pytest.mark.parametrize("prompt", ["/etc/passwd", "README.md"])
def test_a_projects_prompt_is_never_read_from_a_file(prompt: str) -> None:
    assert Settings().chat_options(ProjectParams.parse({"prompt": prompt})).default_prompt == prompt


@pytest.mark.parametrize(
    "extra",
    [
        "no json",
        "[1]",
        [1],
        5,
        '"gpt-4o"',
        {"temperature": 3},
        {"temperature": "hot"},
        {"num_responses": 0},
        {"model": ""},
        {"model": ["gpt-4o"]},
        {"template": "without it"},
        {"max_tokens": -1},
    ],
)
def test_extra_params_that_are_not_allowed_are_told_in_one_line(extra: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ProjectParams.parse(extra)
    assert caught.value.message.startswith("Extra params")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://ann:pass@word@host/db",
        "postgresql+psycopg://ann:p@ss@w@rd@host:5432/db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
    ],
)
def test_a_database_address_that_means_another_than_it_seems_to_is_refused_untold(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    message = wrong_setting(monkeypatch, "DATABASE_URL", address)
    assert message.startswith("DATABASE_URL is not allowed")
    assert "word" not in message
    assert "ss@" not in message


def test_a_password_may_hold_any_character_in_its_written_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://ann:p%40ss%2Fw@host/db")
    assert Settings.from_environment().sqlalchemy_url.endswith("@host/db")


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "LABEL_STUDIO_URL", "OLLAMA_ENDPOINT"])
def test_a_password_in_a_wrong_address_is_not_told(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    message = wrong_setting(monkeypatch, variable, "ftp://ann:secret@host/v1")
    assert "//…@host/v1" in message
    assert "secret" not in message


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {} ", "\ufeff{}", "{}\u200b"])
@pytest.mark.parametrize(
    ("variable", "value"),
    [("OPENAI_API_KEY", "sk-abc"), ("OPENAI_BASE_URL", "http://llm.test/v1"), ("OPENAI_MODEL", "m")],
)
def test_what_is_invisible_at_the_ends_of_a_setting_is_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, around: str
) -> None:
    monkeypatch.setenv(variable, around.format(value))
    found = getattr(Settings.from_environment(), variable.lower())
    assert (found.get_secret_value() if isinstance(found, SecretStr) else found) == value


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "LABEL_STUDIO_API_KEY"])
@pytest.mark.parametrize("key", ["sk\u2013abc", "sk abc", "sk\nabc"])
def test_a_key_that_cannot_be_one_stops_the_start_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, key: str
) -> None:
    monkeypatch.setenv(variable, key)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert str(caught.value) == f"{variable} is not allowed: it must be ASCII text without blanks."
