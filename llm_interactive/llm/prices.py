"""What tokens cost, by the price list that genai-prices brings along; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llm_interactive.llm.completion import BATCHED_TOKENS
from llm_interactive.settings import Settings

BATCH_API_SHARE = 0.5
"""Of the ordinary price, what OpenAI and Azure take for calls through their Batch API, cached tokens included."""

_MILLION = 1_000_000


class Prices:
    """Prices at the provider that `settings` name; PRICE_INPUT and PRICE_OUTPUT hold where the list has none."""

    def __init__(self, settings: Settings) -> None:
        self._given = (settings.price_input, settings.price_output)
        self._provider: dict[str, str] = {"provider_api_url": settings.openai_base_url or "https://api.openai.com/v1"}
        if settings.openai_provider != "openai":
            self._provider = {"provider_id": settings.openai_provider}

    def cost(self, model: str, tokens: Mapping[str, int], calls: int = 1) -> float | None:
        """US dollars for the `tokens` that `calls` calls took together; None if the price or the tokens are not known.

        `tokens` has `prompt_tokens`, `cached_tokens` (among the former) and `completion_tokens`, and may have the
        `BATCHED_TOKENS` among them. Where a price depends on a request's length, all calls count as equally long.
        """
        cost = self._full(model, tokens, calls)
        batched = {name.removeprefix("batched_"): tokens.get(name, 0) for name in BATCHED_TOKENS}
        if cost is None or not batched["prompt_tokens"]:
            return cost
        return cost - (1 - BATCH_API_SHARE) * (self._full(model, batched, calls) or 0.0)

    def _full(self, model: str, tokens: Mapping[str, int], calls: int) -> float | None:
        if not tokens["prompt_tokens"]:
            return None if calls else 0.0
        price_input, price_output = self._given
        if (listed := self._listed(model, tokens, max(1, calls))) is not None:
            return listed
        if price_input is None or price_output is None:
            return None
        return (price_input * tokens["prompt_tokens"] + price_output * tokens["completion_tokens"]) / _MILLION

    def _listed(self, model: str, tokens: Mapping[str, int], calls: int) -> float | None:
        # Takes a third of a second to load, and nobody needs it before the first look at a page.
        from genai_prices import Usage, calc_price

        usage = Usage(
            input_tokens=tokens["prompt_tokens"] / calls,
            # Nobody can have taken more from a cache than was sent.
            cache_read_tokens=min(tokens["cached_tokens"], tokens["prompt_tokens"]) / calls,
            output_tokens=tokens["completion_tokens"] / calls,
        )
        try:
            price = calc_price(usage, model, **self._provider)  # type: ignore[call-overload]
            return float(price.total_price) * calls
        except (LookupError, ValueError):
            return None


def total(costs: Iterable[float | None]) -> float | None:
    """The sum of `costs`; None, unknown, as soon as one of them is."""
    found = list(costs)
    known = [cost for cost in found if cost is not None]
    return sum(known) if len(known) == len(found) else None
