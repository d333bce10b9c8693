"""What Label Studio's refusals mean to the person who can do something about them."""

from __future__ import annotations

from label_studio_sdk.core.api_error import ApiError


def message_of(error: ApiError, address: str, project: int | None) -> str:
    """A refusal in one sentence; `project` is what was asked about, if that was one project."""
    if error.status_code == 401:
        return (
            "Label Studio rejected LABEL_STUDIO_API_KEY (401): it is expired, revoked, of another Label Studio, or a "
            "legacy token, which must be switched on in the organization's settings."
        )
    if error.status_code == 403:
        return "Label Studio refused (403): the user of LABEL_STUDIO_API_KEY may not see or change the project."
    if error.status_code == 404 and project is not None:
        return (
            f"Label Studio at {address} has no project {project}, or the user of LABEL_STUDIO_API_KEY may not see it."
        )
    body = error.body if isinstance(error.body, dict) else {}
    detail = body.get("validation_errors") or body.get("detail") or ""
    return f"Label Studio at {address} answered {error.status_code}: {str(detail)[:300] or 'no reason given'}."
