"""The environment, read once into one frozen object.

Every setting has a description and the values it allows: the table in docs/settings.md and the message for a wrong value
are made from them. An empty variable counts as unset, since compose files write `OPENAI_API_KEY=`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from llm_interactive.errors import InvalidRequest, SetupError
from llm_interactive.text import storable

_TEXTS = ("prompt_template", "default_prompt", "system_prompt")
_INVISIBLE = " \t\r\n\x0b\x0c\xa0\u200b\u200c\u200d\u2060\ufeff"
_USER_INFO = re.compile(r"//[^/\s]*@")

SPEC_TEMPLATE = "Source Text: {text}\n\nTask Directive: {prompt}"


class SettingsError(ValueError):
    """A variable holds a value that is not allowed; the message is one line that names all three."""


def without_user_info(address: str) -> str:
    """`address` without the password that may stand in it."""
    return _USER_INFO.sub("//…@", address)


def _http_url(value: str) -> str:
    if not _is_plain(value):
        raise ValueError("blanks or signs beyond ASCII in it")
    parts = urlsplit(value)
    # .port raises where it is no number of a port.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("not an http(s) address")
    return value.rstrip("/")


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _key(value: SecretStr) -> SecretStr:
    # A dash from a word processor or a line break in the middle would fail with every call, and say nothing of it.
    if not _is_plain(value.get_secret_value()):
        raise ValueError("blanks or signs beyond ASCII in it")
    return value


def _with_line_breaks(value: Any) -> Any:
    # Env files and compose files cannot hold a line break in a plain value.
    return value.replace("\\n", "\n") if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _none(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


def _names(value: Any) -> Any:
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _template(value: str) -> str:
    if "{prompt}" not in value.replace("{{", ""):
        raise ValueError("no {prompt}")
    return value


def _database(value: SecretStr) -> SecretStr:
    # Loaded only where it is needed: most processes come without this setting.
    from sqlalchemy import exc
    from sqlalchemy.engine import make_url

    try:
        url = make_url(value.get_secret_value())
        url.get_dialect().import_dbapi()
    except (exc.ArgumentError, ImportError) as error:
        raise ValueError("no usable address") from error
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ValueError("another database")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("no file")
    if "@" in (url.host or ""):
        # A part of the password would be taken for the host, and be named in messages.
        raise ValueError("an @ in the password, which must be written %40")
    return value


Key = Annotated[SecretStr, AfterValidator(_key)]
Url = Annotated[str, AfterValidator(_http_url)]
Text = Annotated[str, BeforeValidator(_with_line_breaks)]
Temperature = Annotated[Annotated[float, Field(ge=0, le=2)] | None, BeforeValidator(_none)]
ModelName = Annotated[str, Field(min_length=1, max_length=200)]
NumResponses = Annotated[int, Field(ge=1, le=16)]
FewShot = Annotated[int, Field(ge=0, le=16)]
Price = Annotated[float, Field(ge=0)]
MaxTokens = Annotated[int, Field(ge=1)]


def _setting(default: Any, description: str, allowed: str, **constraints: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"allowed": allowed}, **constraints)


class Settings(BaseSettings):
    """What the operator chose. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=False)

    prompt_prefix: str = _setting(
        "prompt", "Name of the prompt `<TextArea>`: equal, else beginning with it, else holding it as a word.", "text"
    )
    response_prefix: str = _setting(
        "response", "Name of the response `<TextArea>`, found likewise among the others.", "text"
    )
    use_internal_prompt_template: bool = _setting(
        True,
        "`1`: the prompt is put into `PROMPT_TEMPLATE`. `0`: the prompt is itself the template, with placeholders for task fields.",
        "0 or 1",
    )
    prompt_template: Annotated[Text, AfterValidator(_template)] = _setting(
        SPEC_TEMPLATE,
        "Template around the prompt: `{prompt}`, `{text}`, `{labels}` and every task field.",
        "text with {prompt} in it",
    )
    default_prompt: Text | None = _setting(
        None,
        "Prompt used as long as a project has none: the text, or the path of a file that holds it.",
        "text or a file's path",
    )
    system_prompt: Text | None = _setting(None, "System message sent before everything else.", "text")

    openai_provider: Annotated[Literal["openai", "azure", "ollama"], BeforeValidator(_lower)] = _setting(
        "openai",
        "Who serves the model. `openai` is also for every compatible server (`OPENAI_BASE_URL`).",
        "openai, azure or ollama",
    )
    openai_model: str = _setting("gpt-3.5-turbo", "Model to ask.", "text")
    second_model: str | None = _setting(
        None,
        "Model of the other response where people say which of two is better; if unset, `OPENAI_MODEL` gives both.",
        "text",
    )
    openai_api_key: Key | None = _setting(
        None, "API key of OpenAI or Azure. A local server takes any value.", "ASCII text without blanks"
    )
    openai_base_url: Url | None = _setting(
        None, "Address of a compatible server, up to and including `/v1`.", "an http(s) address"
    )
    temperature: Temperature = _setting(
        0.7, "Sampling temperature; `none` sends none.", "a number from 0 to 2, or none"
    )
    num_responses: NumResponses = _setting(
        1, "Replies asked for each task; all stand in the response `<TextArea>`.", "a whole number from 1 to 16"
    )
    max_tokens: MaxTokens | None = _setting(
        None, "Upper limit of a reply's length, in tokens.", "a whole number of at least 1"
    )

    max_prompt_characters: int = _setting(
        1_000_000,
        "Longest prompt that is sent, with the task's content in it, in characters; a task with a longer one fails.",
        "a whole number of at least 1000",
        ge=1000,
    )

    structured_output: Annotated[Literal["auto", "off"], BeforeValidator(_lower)] = _setting(
        "auto",
        "`auto`: the model is asked for JSON that fits the labeling config, by a schema where the server takes one. `off`: for plain text, which fills the response and the choices that it clearly names.",
        "auto or off",
    )

    few_shot: FewShot = _setting(
        0,
        "Annotated tasks that are shown to the model as examples before each task, the most similar ones; `0` shows none. Needs `LABEL_STUDIO_URL` and its token.",
        "a whole number from 0 to 16",
    )
    embedding_model: str | None = _setting(
        None,
        "Model of the provider's `/embeddings` by which similar examples are found; without one they are found by shared words.",
        "text",
    )

    azure_resource_endpoint: Url | None = _setting(
        None, "Endpoint of the Azure resource (`OPENAI_PROVIDER=azure`).", "an http(s) address"
    )
    azure_deployment_name: str | None = _setting(None, "Name of the Azure deployment; `OPENAI_MODEL` if unset.", "text")
    azure_api_version: str = _setting("2023-05-15", "Version of the Azure API.", "text")
    ollama_endpoint: Url = _setting(
        "http://localhost:11434/v1", "Address of Ollama (`OPENAI_PROVIDER=ollama`).", "an http(s) address"
    )

    price_input: Price | None = _setting(
        None,
        "US dollars for a million prompt tokens of a model that is not in the price list that comes with the backend. Goes with `PRICE_OUTPUT`.",
        "a number of at least 0",
    )
    price_output: Price | None = _setting(
        None, "US dollars for a million tokens of its replies. Goes with `PRICE_INPUT`.", "a number of at least 0"
    )

    label_studio_url: Url | None = _setting(
        None, "Address of your Label Studio, the only place that tasks' files are fetched from.", "an http(s) address"
    )
    label_studio_api_key: Key | None = _setting(
        None, "Access token for `LABEL_STUDIO_URL`.", "ASCII text without blanks"
    )

    image_mode: Annotated[Literal["auto", "vision", "ocr"], BeforeValidator(_lower)] = _setting(
        "auto",
        "How images are sent. `vision`: as images. `ocr`: the text read in them. `auto`: as images, until the provider says that the model takes none.",
        "auto, vision or ocr",
    )
    image_detail: Annotated[Literal["auto", "low", "high"], BeforeValidator(_lower)] = _setting(
        "auto", "How closely a vision model looks; `low` is cheaper.", "auto, low or high"
    )
    media_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = _setting(
        (),
        "Hosts besides `LABEL_STUDIO_URL` that tasks' files may be fetched from: `host`, `host:port` or `*.host`, with commas.",
        "host names with commas between",
    )
    max_image_mb: float = _setting(20, "Largest file of a task, in MB.", "a number above 0", gt=0)

    max_concurrency: int = _setting(
        32, "Requests to the model at once, for each worker process.", "a whole number from 1 to 512", ge=1, le=512
    )
    llm_timeout: float = _setting(
        80,
        "Seconds that one request to the model may last before it is tried again.",
        "a number from 1 to 3600",
        ge=1,
        le=3600,
    )
    predict_deadline: float = _setting(
        85,
        "Seconds after which a batch is answered with what is there; the rest goes on in the background. Label Studio waits 100.",
        "a number from 1 to 86400",
        ge=1,
        le=86400,
    )
    reply_ttl: float = _setting(
        24,
        "Hours that a batch's replies are kept, so that a repeated retrieval does not pay again; `0` keeps none.",
        "a number of at least 0",
        ge=0,
    )
    show_errors_in_response: bool = _setting(
        True,
        "`1`: an interactive failure is shown as `⚠ …` in the response field. `0`: always as an HTTP error, which Label Studio's page does not show.",
        "0 or 1",
    )

    basic_auth_user: str | None = _setting(
        None, "User name asked of callers, except on /health. Goes with `BASIC_AUTH_PASS`.", "text"
    )
    basic_auth_pass: SecretStr | None = _setting(
        None, "Password asked of callers. Goes with `BASIC_AUTH_USER`.", "text"
    )

    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = _setting(
        (),
        "Names by which the backend may be called while no password is set, besides addresses and names of the own network (without a dot, `.local`, `.internal`, …): `host`, `*.host` or `*`, with commas.",
        "host names with commas between",
    )

    host: str = _setting("127.0.0.1", "Interface to listen on; the image sets `0.0.0.0`.", "an address of this machine")
    port: int = _setting(9090, "Port to listen on.", "a whole number from 1 to 65535", ge=1, le=65535)
    workers: int = _setting(1, "Worker processes. One serves a team.", "a whole number from 1 to 64", ge=1, le=64)
    threads: int = _setting(
        72,
        "Threads of each worker; 8 of them are kept for everything but predictions.",
        "a whole number from 9 to 1000",
        ge=9,
        le=1000,
    )
    max_request_mb: int = _setting(
        64,
        "Largest request body accepted, in MB; the large ones that are worked on at once are together no larger.",
        "a whole number from 1 to 4096",
        ge=1,
        le=4096,
    )
    model_dir: Path = _setting(Path("data"), "Folder of the embedded database.", "a folder's path")
    database_url: Annotated[SecretStr, AfterValidator(_database)] | None = _setting(
        None,
        "SQLAlchemy address of another database, `postgresql+psycopg://…` for several replicas.",
        "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = _setting(
        "INFO", "How much is logged. Prompts and task data are not, at any level.", "DEBUG, INFO, WARNING or ERROR"
    )

    @model_validator(mode="before")
    @classmethod
    def _without_invisible_ends(cls, values: Any) -> Any:
        # Files and secret stores add line breaks, web pages zero-width blanks; texts for the model are left as they are.
        return {
            name: value.strip(_INVISIBLE) if isinstance(value, str) and name not in _TEXTS else value
            for name, value in values.items()
        }

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this process.

        Raises:
            SettingsError: values are not allowed; one line names each variable, its value and what is allowed.
        """
        try:
            settings = cls()
        except ValidationError as error:
            raise SettingsError(" ".join(_one_line(fault) for fault in error.errors())) from None
        for one, other in (("basic_auth_user", "basic_auth_pass"), ("price_input", "price_output")):
            unset = [name.upper() for name in (one, other) if getattr(settings, name) is None]
            if len(unset) == 1:
                raise SettingsError(f"{unset[0]} is not set: {one.upper()} and {other.upper()} go together.")
        return settings.model_copy(update={"default_prompt": _prompt_or_file(settings.default_prompt)})

    @property
    def model(self) -> str:
        """Name of the model, or of the Azure deployment that serves it."""
        if self.openai_provider == "azure" and self.azure_deployment_name:
            return self.azure_deployment_name
        return self.openai_model

    @property
    def sqlalchemy_url(self) -> str:
        """Address of the database: `DATABASE_URL`, else a SQLite file in `MODEL_DIR`."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.model_dir / 'llm-interactive.db'}"

    @property
    def has_database(self) -> bool:
        """Whether a database is there to be read: one that `DATABASE_URL` names, or the file in `MODEL_DIR`."""
        return self.database_url is not None or (self.model_dir / "llm-interactive.db").exists()

    def require_access(self) -> None:
        """Check that what every call needs is there.

        Raises:
            SetupError: names the variable that is missing.
        """
        if self.openai_provider in ("openai", "azure") and self.openai_api_key is None:
            raise SetupError("OPENAI_API_KEY is not set on the ML backend. Set it and restart the backend.")
        if self.openai_provider == "azure" and self.azure_resource_endpoint is None:
            raise SetupError("AZURE_RESOURCE_ENDPOINT is not set on the ML backend. Set it and restart the backend.")

    def require_examples(self) -> None:
        """Check that the place where examples come from is there.

        Raises:
            SetupError: names the variables that are missing.
        """
        if self.label_studio_url is None or self.label_studio_api_key is None:
            raise SetupError(
                "The examples of FEW_SHOT are read from Label Studio. Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY on "
                "the ML backend, or FEW_SHOT to 0."
            )

    def chat_options(self, params: ProjectParams) -> ChatOptions:
        """What these settings and a project's own choices say of a chat."""
        chosen = self.model_copy(update=params.model_dump(exclude_none=True))
        return ChatOptions(
            model=chosen.model,
            temperature=chosen.temperature,
            num_responses=chosen.num_responses,
            max_tokens=chosen.max_tokens,
            prompt_template=chosen.prompt_template if chosen.use_internal_prompt_template else None,
            default_prompt=chosen.default_prompt,
            system_prompt=chosen.system_prompt,
            max_prompt_characters=chosen.max_prompt_characters,
            structured_output=chosen.structured_output == "auto",
            image_mode=chosen.image_mode,
            image_detail=chosen.image_detail,
            few_shot=chosen.few_shot,
            second_model=chosen.second_model,
        )


@dataclass(frozen=True)
class ChatOptions:
    """What a project's chats are made with. `prompt_template` is None where the prompt itself is the template."""

    model: str = "gpt-3.5-turbo"
    temperature: float | None = 0.7
    num_responses: int = 1
    max_tokens: int | None = None
    prompt_template: str | None = SPEC_TEMPLATE
    default_prompt: str | None = None
    system_prompt: str | None = None
    structured_output: bool = True
    image_mode: str = "auto"
    image_detail: str = "auto"
    max_prompt_characters: int = 1_000_000
    few_shot: int = 0
    second_model: str | None = None


class ProjectParams(BaseModel):
    """What a project may choose in Label Studio's connection form ("Extra params"): never an address or a key."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True)

    openai_model: ModelName | None = Field(default=None, alias="model")
    second_model: ModelName | None = None
    temperature: Temperature | None = None
    num_responses: NumResponses | None = None
    max_tokens: MaxTokens | None = None
    prompt_template: Annotated[str, AfterValidator(_template)] | None = Field(default=None, alias="template")
    default_prompt: str | None = Field(default=None, alias="prompt")
    system_prompt: str | None = None
    few_shot: FewShot | None = None

    @classmethod
    def parse(cls, extra_params: Any) -> ProjectParams:
        """`extra_params` of a /setup request: null, an object, or a string that holds a JSON object.

        Raises:
            InvalidRequest: it is something else, or a value in it is not allowed.
        """
        if isinstance(extra_params, str):
            try:
                extra_params = json.loads(extra_params) if extra_params.strip() else {}
            except (ValueError, RecursionError):
                raise InvalidRequest('Extra params are not JSON. Example: {"model": "gpt-4o"}.') from None
        if not extra_params:
            extra_params = {}
        if not isinstance(extra_params, dict):
            raise InvalidRequest('Extra params must be a JSON object. Example: {"model": "gpt-4o"}.')
        given = {name: storable(value) if isinstance(value, str) else value for name, value in extra_params.items()}
        if mistyped := cls._mistyped(given):
            raise InvalidRequest(f"Extra params: {mistyped}")
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            found = [f"{fault['loc'][0]} is not allowed: {fault['msg']}." for fault in error.errors(include_url=False)]
            raise InvalidRequest(" ".join(["Extra params:", *found])) from None

    @classmethod
    def _mistyped(cls, given: Mapping[str, Any]) -> str:
        """What is said of unknown names that look like known ones; others may be meant for another backend."""
        known = [field.alias or name for name, field in cls.model_fields.items()]
        others = [name for name in given if name not in {*known, *cls.model_fields}]
        close = {name: difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.8) for name in others}
        return " ".join(f"{name} is not known: is {match[0]} meant?" for name, match in close.items() if match)


def _one_line(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    field = Settings.model_fields[name]
    extra = field.json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else ""
    secret = "SecretStr" in str(field.annotation)
    value = "" if secret else f"={without_user_info(str(error['input']))[:80]!r}"
    return f"{name.upper()}{value} is not allowed: it must be {allowed}."


def _prompt_or_file(value: str | None) -> str | None:
    if value is None or "\n" in value or len(value) > 1024:
        return value
    try:
        path = Path(value)
        return path.read_text(encoding="utf-8").strip() if path.is_file() else value
    except (OSError, ValueError) as error:
        raise SettingsError(f"DEFAULT_PROMPT={value!r} cannot be read: {error}.") from None
