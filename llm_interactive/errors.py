"""Everything that can go wrong, each with one message for the person who has to act on it.

    BackendError                     HTTP status and message
    ├── InvalidRequest               400  the caller's request cannot be read
    ├── ForbiddenError               403  a page's button was not pressed on that page, or by just anybody
    ├── LabelingConfigError          400  the labeling config lacks something; says what to add
    ├── PromptError                  400  no prompt, or a placeholder that no field fills
    │   └── NoPromptYet              400  nobody has typed one: an expected state
    ├── TaskDataError                422  this task's data cannot be sent to a model
    ├── SetupError                   503  a setting is missing; says which
    ├── BusyError                    503  all threads are taken
    ├── LeasedError                 503  another process is asking for the same reply
    ├── DeadlineError                504  no reply in time
    │   └── CancelledError           503  somebody cancelled the batch
    ├── LabelStudioError             502  Label Studio is away, or refuses what was asked
    └── LLMError                     502  the provider's answer, translated
        ├── TransientLLMError        502  worth another try
        │   └── RateLimitError       502  worth another try, and all callers slow down
        ├── RejectedError            502  this request will never succeed (too long, filtered, refused)
        │   └── NoImagesError        502  it has an image, and the model takes text only
        └── AccountError             502  no request will succeed (key, quota, model): a batch stops at once
            └── BudgetError          502  the limit of money that a run may spend is reached

A message is shown to annotators and project owners. It never holds a key, a traceback or task data.
"""

from __future__ import annotations

from llm_interactive.text import one_line

UNEXPECTED = "The ML backend failed unexpectedly. Its log holds the cause."
"""What is said of a failure that nobody thought of."""

STOPPING = "The ML backend is stopping. Try again in a moment."
"""What is said of work that is dropped as the server ends."""


WARNING = "⚠ "
"""What a failure begins with that is shown in a response field, the only place where an annotator sees one."""


def is_error_text(text: str) -> bool:
    """Whether a text in a field is a failure that was shown there. Such a text is nobody's prompt or response."""
    return text.lstrip().startswith(WARNING.rstrip())


class BackendError(Exception):
    """A failure with its HTTP `status` and one `message` that says what to do about it."""

    status = 500

    def __init__(self, message: str) -> None:
        # Names of fields and words of providers may hold anything.
        self.message = one_line(message)
        super().__init__(self.message)


class InvalidRequest(BackendError):
    """The request's body or fields cannot be read."""

    status = 400


class ForbiddenError(BackendError):
    """What a page's button does was asked for by another page, or by just anybody."""

    status = 403


class LabelingConfigError(BackendError):
    """The labeling config cannot be used; the message says what to add or change."""

    status = 400


class PromptError(BackendError):
    """There is no prompt, or the prompt holds a placeholder that nothing fills."""

    status = 400


class NoPromptYet(PromptError):
    """Nobody has typed a prompt. Label Studio asks all the same when a task is opened: no cause for a warning."""

    def __init__(self) -> None:
        super().__init__(
            "There is no prompt yet. Type one into a task's prompt field and press Shift+Enter, or set DEFAULT_PROMPT."
        )


class TaskDataError(BackendError):
    """One task's data cannot be turned into messages; other tasks are not concerned."""

    status = 422


class SetupError(BackendError):
    """A setting that every call needs is missing."""

    status = 503


class BusyError(BackendError):
    """All threads for predictions are taken."""

    status = 503


class LeasedError(BackendError):
    """Another process of the backend is buying this very reply."""

    status = 503


class DeadlineError(BackendError):
    """The reply did not come in time."""

    status = 504


class LabelStudioError(BackendError):
    """Label Studio is away, does not know the token or the project, or refuses what was asked."""

    status = 502


class CancelledError(DeadlineError):
    """Somebody cancelled the batch before the reply was asked for."""

    status = 503


class LLMError(BackendError):
    """The provider failed or refused."""

    status = 502


class TransientLLMError(LLMError):
    """Another try may succeed. `retry_after`: seconds the provider asked to wait, if it did."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitError(TransientLLMError):
    """The provider allows fewer requests than it gets: all callers have to slow down."""


class RejectedError(LLMError):
    """This very request will not succeed however often it is sent."""


class AccountError(LLMError):
    """No request can succeed until somebody changes key, quota, model or endpoint."""


class BudgetError(AccountError):
    """The money that a run may spend is spent."""


class NoImagesError(RejectedError):
    """The request has an image, and the model takes text only."""
