"""One pooled client for OpenAI, Azure and every compatible server; failures as the project's own errors."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import httpx2
import openai

from llm_interactive.deadline import Deadline
from llm_interactive.errors import AccountError, LLMError, RejectedError
from llm_interactive.llm.completion import TOKENS, Choice, Completion, read_completion, request_id
from llm_interactive.llm.http import ending_at
from llm_interactive.llm.provider_errors import (
    Provider,
    error_inside,
    log_cut,
    no_completion,
    refuses_key,
    translate,
    truncated,
)
from llm_interactive.llm.refusals import refused_parameter, refuses_roles
from llm_interactive.llm.sdk import UNSENT, Connections, endpoint, provider
from llm_interactive.prompts.messages import Messages, alternating
from llm_interactive.settings import Settings

log = logging.getLogger(__name__)

_REMEMBERED_SECONDS = 3600.0
_ROLES = "messages of other roles than user and assistant in turn"


@dataclass(frozen=True)
class ChatRequest:
    """Everything a reply depends on, apart from where it is sent. `schema` is that of the JSON to reply with.

    `logprobs`: its tokens' probabilities are wanted with it. That makes no other reply, so it is not in the key.
    """

    model: str
    messages: Messages
    temperature: float | None
    num_responses: int
    max_tokens: int | None
    schema: Mapping[str, Any] | None = None
    logprobs: bool = False

    @property
    def has_images(self) -> bool:
        """Whether a message has image parts."""
        return any(isinstance(message.get("content"), list) for message in self.messages)

    def key(self, endpoint: str) -> str:
        """Hash (64 hex digits) of the request and the endpoint that serves it: equal keys, equal worth."""
        parts: list[Any] = [endpoint, self.model, self.messages, self.temperature, self.num_responses, self.max_tokens]
        if self.schema is not None:
            parts.append(self.schema)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What was paid for: `num_responses` texts and the tokens they cost. `cut`: one ended at the limit of tokens.

    Cached tokens are among the prompt's, those of reasoning among the completion's. `tokens` are those of the first
    text with their probabilities, as `logprobs` keeps them.
    """

    texts: tuple[str, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut: bool = False
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    tokens: str = ""

    def with_choices(self, choices: Sequence[Choice], *, cut: bool) -> Reply:
        """This reply with the texts of `choices` added."""
        texts = (*self.texts, *(choice.text for choice in choices))
        tokens = self.tokens if self.texts else choices[0].tokens
        return replace(self, texts=texts, tokens=tokens, cut=self.cut or cut)

    def with_cost_of(self, other: Reply | Completion) -> Reply:
        """This reply with the tokens of `other` added."""
        added = {name: getattr(self, name) + getattr(other, name) for name in TOKENS}
        return replace(self, **added)


class UnusableReply(RejectedError):
    """What was paid for holds no text; `reply` tells what it cost."""

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply


class ChatClient:
    """Asks the operator's provider over connections that it keeps. Safe for threads.

    The client makes one attempt: trying again is the dispatcher's, which knows the deadline and the other callers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connections = Connections(settings)
        # Until when what a model refused is not sent to it.
        self._refused: dict[tuple[str, str], Deadline] = {}

    @cached_property
    def endpoint(self) -> str:
        """Provider and address, as part of a reply's key."""
        return endpoint(self._settings)

    @property
    def sdk(self) -> openai.OpenAI:
        """The provider's API over a kept connection; wants `ending_at`, as they know no other end."""
        return self._connections.sdk

    @cached_property
    def provider(self) -> Provider:
        """Names for messages: who answers, and which settings to look at."""
        return provider(self._settings)

    def complete(self, request: ChatRequest, deadline: Deadline) -> Reply:
        """The reply to `request`, with as many texts as it asks for; one attempt that ends by `deadline`.

        Servers that ignore or refuse `n` are asked again for the texts that are missing; if that fails, those that are
        paid for already are the reply.

        Raises:
            SetupError: key or endpoint is not set.
            UnusableReply: it was paid for and holds no text.
            LLMError: the provider failed, in one of the kinds of `errors`.
        """
        self._settings.require_access()
        reply = Reply(())
        while (missing := request.num_responses - len(reply.texts)) > 0:
            try:
                completion = self._create(request, missing, deadline)
                reply = reply.with_cost_of(completion)
                choices = self._choices(completion, reply)[:missing]
            except LLMError as error:
                if not reply.texts:
                    raise
                log.warning("%d of %d responses, then: %s", len(reply.texts), request.num_responses, error.message)
                break
            reply = reply.with_choices(choices, cut=completion.is_cut)
        return reply

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """The JSON that asks for `request`, without what its model is known to refuse."""
        parameters = self._parameters(request, request.num_responses)
        return {"model": request.model, "messages": self._messages(request), **parameters}

    def reply_in(self, answer: httpx2.Response, model: str) -> Reply:
        """The reply in an answer of `model` that came by another way than `complete`.

        Raises:
            UnusableReply: it was paid for and holds no text.
            LLMError: it is an error, in one of the kinds of `errors`.
        """
        asked = self._asked(model)
        if answer.is_error:
            try:
                body: object = answer.json()
            except (ValueError, RecursionError):
                body = answer.text
            raise translate(openai.APIStatusError("", response=answer, body=body), asked)
        completion = self._read(answer, asked)
        reply = Reply(()).with_cost_of(completion)
        return reply.with_choices(self._choices(completion, reply), cut=completion.is_cut)

    def models(self, deadline: Deadline) -> Mapping[str, Mapping[str, Any]]:
        """What the provider says of each of its models, by their names; empty if it gives no list that can be read.

        Raises:
            AccountError: it refuses the key.
            LLMError: it is away, late, or answers with another error.
        """
        try:
            with ending_at(deadline.at):
                response = self.sdk.get(
                    "/models", cast_to=httpx2.Response, options={"timeout": max(0.001, deadline.left)}
                )
            rows = response.json()["data"]
            return {str(row["id"]): row for row in rows}
        except openai.APIStatusError as error:
            if refuses_key(error):
                raise AccountError(translate(error, self.provider).message) from None
            raise LLMError(f"{self.provider.name} lists no models ({error.status_code}).") from None
        except (openai.OpenAIError, httpx2.HTTPError) as error:
            raise translate(error, self.provider) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _create(self, request: ChatRequest, n: int, deadline: Deadline) -> Completion:
        while True:  # with one parameter fewer each time round
            parameters, messages = self._parameters(request, n), self._messages(request)
            try:
                # chat.completions.create posts the same, after a walk through all messages (ours are JSON already), and
                # makes objects of the answer without a look at its shape.
                with ending_at(deadline.at), self._connections.for_a_call() as sdk:
                    response = sdk.post(
                        "/chat/completions",
                        cast_to=httpx2.Response,
                        body={"model": request.model, "messages": messages, **parameters},
                        options={"timeout": max(0.001, deadline.left), "headers": UNSENT},
                    )
            except (openai.BadRequestError, openai.UnprocessableEntityError, openai.InternalServerError) as error:
                name = _ROLES if refuses_roles(error) else refused_parameter(error, parameters)
                if name is None or (name == _ROLES and messages is not request.messages):
                    raise self._translated(error, request) from None
                self._remember_refusal(request, name, str(error))
            except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
                # The last three are what the SDK raises over an error of an odd shape.
                raise self._translated(error, request) from None
            else:
                return self._read(response, self._asked(request.model), with_images=request.has_images)

    @staticmethod
    def _read(response: httpx2.Response, asked: Provider, *, with_images: bool = False) -> Completion:
        try:
            completion = read_completion(response)
        except ValueError:
            inside = error_inside(response, asked, with_images=with_images)
            raise inside or no_completion(asked, request_id(response)) from None
        if any(choice.finish_reason == "error" for choice in completion.choices):
            raise error_inside(response, asked) or no_completion(asked, completion.request_id)
        return completion

    def _choices(self, completion: Completion, reply: Reply) -> list[Choice]:
        """The choices of a completion that have a text; `reply` is what was paid so far."""
        choices = [choice for choice in completion.choices if choice.text]
        if not choices:
            raise UnusableReply(truncated(completion, self.provider), reply)
        log_cut(completion)
        return choices

    def _messages(self, request: ChatRequest) -> Messages:
        return alternating(request.messages) if _ROLES in self._refused_by(request.model) else request.messages

    def _refused_by(self, model: str) -> set[str]:
        """What is not sent to a model for now."""
        return {name for (asked, name), until in list(self._refused.items()) if asked == model and until.left > 0}

    def _parameters(self, request: ChatRequest, n: int) -> dict[str, Any]:
        refused = self._refused_by(request.model)
        wanted: dict[str, Any] = {}
        if request.temperature is not None:
            wanted["temperature"] = request.temperature
        if n > 1:
            wanted["n"] = n
        if request.max_tokens:
            # Reasoning models take max_completion_tokens instead and say so with a 400.
            wanted["max_completion_tokens" if "max_tokens" in refused else "max_tokens"] = request.max_tokens
        if request.schema is not None and not (refused and _schema_name(request) in refused):
            schema = {"name": "answer", "strict": True, "schema": request.schema}
            wanted["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.logprobs and refused.isdisjoint(("logprobs", "top_logprobs")):
            # Without the second, llama.cpp sends the 20 likeliest tokens at each place, and old vLLM an error.
            wanted |= {"logprobs": True, "top_logprobs": 1}
        return {name: value for name, value in wanted.items() if name not in refused}

    def _remember_refusal(self, request: ChatRequest, name: str, message: str) -> None:
        if name == "response_format" and "invalid schema" in message.lower():
            name = _schema_name(request)
        log.info("%s does not take %s; asking without it for an hour", request.model, name)
        self._refused[request.model, name] = Deadline.after(_REMEMBERED_SECONDS)

    def _asked(self, model: str) -> Provider:
        """The provider, with a default model only where that is asked for."""
        chosen = model != self.provider.default_model
        return replace(self.provider, default_model="") if chosen else self.provider

    def _translated(self, error: Exception, request: ChatRequest) -> LLMError:
        return translate(error, self._asked(request.model), with_images=request.has_images)


def _schema_name(request: ChatRequest) -> str:
    return "schema " + hashlib.sha256(json.dumps(request.schema).encode()).hexdigest()[:8]
