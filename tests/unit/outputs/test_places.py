import time

import pytest

from llm_interactive.outputs.places import find_quotes, number, utf16


def found(text: str, *quotes: str) -> list[str | None]:
    return [text[place[0] : place[1]] if place else None for place in find_quotes(text, quotes)]


def test_the_nth_same_quote_is_the_nth_place() -> None:
    assert find_quotes("Bob met Bob.", ["Bob", "Bob"]) == [(0, 3), (8, 11)]


def test_more_mentions_than_places_give_none() -> None:
    assert find_quotes("Bob left.", ["Bob", "Bob"]) == [(0, 3), None]


@pytest.mark.parametrize(
    ("text", "quote", "place"),
    [
        ("“It’s” here", '"It\'s"', "“It’s”"),
        ("1990–2000", "1990-2000", "1990–2000"),
        ("a  long\n\tname", "a long name", "a  long\n\tname"),
        ("zero\u200bwidth", "zerowidth", "zero\u200bwidth"),
        ("so\u00adft", "soft", "so\u00adft"),
        ("Cafe\u0301 noir", "Café", "Cafe\u0301"),
        ("Café noir", "Cafe\u0301", "Café"),
        ("and so on…", "so on...", "so on…"),
        ("the ﬁnd", "find", "ﬁnd"),
        ("Việt Nam", "Vie\u0302\u0323t", "Việt"),
        ("NEW YORK", "New York", "NEW YORK"),
        ("Straße", "STRASSE", "Straße"),
        ("ΟΔΟΣ", "οδος", "ΟΔΟΣ"),
        ("said Bob", '"Bob".', "Bob"),
        ("said Bob", "(Bob)", "Bob"),
        ("said Bob", "**Bob**", "Bob"),
        ("in 2024 then", "2024.", "2024"),
        ("me \u200b too", "me too", "me \u200b too"),
        ("I ❤\ufe0f it", "❤", "❤\ufe0f"),
        ("שלום עולם", "עולם", "עולם"),
        ("ذهب محمد", "محمد", "محمد"),
        ("東京に住む", "東京", "東京"),
        ("😀 Bob 😀", "Bob", "Bob"),
        ("Donaudampfschiff", "dampf", "dampf"),
    ],
)
def test_what_differs_in_form_only_is_found(text: str, quote: str, place: str) -> None:
    assert found(text, quote) == [place]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("paid 1,250.50", "1,250.60"),
        ("paid 1,250.50", "250"),
        ("in 2012", "12"),
        ("pays 5", "-5"),
        ("pays 5", "5%"),
        ("5,000 people", "5"),
        ("at 10:30", "10"),
        ("at 10:30", "30"),
        ("paid 1'250", "250"),
        ("paid 1\u202f250", "250"),
        ("it is -5 now", "5"),
        ("−5", "5"),
        ("👨\u200d👩\u200d👧", "👨"),
        ("👨\u200d👩\u200d👧", "👧"),
        ("👍🏽", "👍"),
        ("❤\ufe0f\u200d🔥", "❤"),
        ("Bob Smith", "Bob Smyth"),
        ("because", "US"),
        ("Café\u0301", "Cafe"),
        ("Cafe\u0301", "Cafe"),
        ("각", "가"),
        ("Bob", ""),
        ("Bob", " \n"),
        ("Bob", "..."),
        ("Bob", "\u200b"),
        ("", "Bob"),
        ("x", "\udc00"),
    ],
)
def test_what_differs_in_a_letter_or_a_digit_is_not_found(text: str, quote: str) -> None:
    assert find_quotes(text, [quote]) == [None]


def test_whole_words_go_before_parts_of_words() -> None:
    assert find_quotes("party art", ["art"]) == [(6, 9)]
    assert find_quotes("party", ["art"]) == [(1, 4)]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("שרון פגשה את רון.", "רון"),
        ("שרון פגשה את רון.", "רון."),
        ("הספר שלה. הוא נתן לה", "לה"),
        ("وصل وسام ثم سام", "سام"),
        ("이수민과 이수", "이수"),
        ("pays -5 and 5", "5"),
        ("at 10:30 they sold 10", "10"),
        ("a 1 250 b 250", "250"),
        ("👨\u200d👩\u200d👧 family 👨", "👨"),
        ("👍🏽 👍", "👍"),
    ],
)
def test_a_whole_word_goes_before_what_may_be_a_part_of_one(text: str, quote: str) -> None:
    place = len(text.rstrip(".")) - len(quote.rstrip("."))
    assert [found[0] for found in find_quotes(text, [quote]) if found] == [place]


@pytest.mark.parametrize(("text", "quote"), [("rooms 10 250", "250"), ("3-5 days", "5"), ("בירושלים", "ירושלים")])
def test_what_may_be_a_part_counts_where_there_is_nothing_else(text: str, quote: str) -> None:
    assert found(text, quote) == [quote]


def test_parts_of_words_do_not_count_when_there_are_whole_ones() -> None:
    assert find_quotes("Berlin Berliner", ["Berlin", "Berlin"]) == [(0, 6), None]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("בירושלים ירושלים", "ירושלים"),
        ("وبالقاهرة القاهرة", "قاهرة"),
        ("서울에서 서울", "서울"),
        ("東京に東京", "東京"),
    ],
)
def test_words_that_are_written_together_are_whole_ones(text: str, quote: str) -> None:
    first, second = text.find(quote), text.rfind(quote)
    places = find_quotes(text, [quote, quote, quote])
    assert places == [(first, first + len(quote)), (second, second + len(quote)), None]


def test_the_exact_spelling_goes_before_another_case() -> None:
    assert find_quotes("MAY may May", ["May", "may"]) == [(8, 11), (4, 7)]


def test_straight_and_curly_quotes_count_together() -> None:
    assert found("don't don’t", "don't", "don't") == ["don't", "don’t"]


def test_a_place_of_its_own_goes_before_one_within_another_quote() -> None:
    assert find_quotes("John Smith, said Smith", ["John Smith", "Smith", "Smith"]) == [(0, 10), (17, 22), (5, 10)]


def test_a_nested_quote_is_found_where_it_stands_only_there() -> None:
    assert find_quotes("University of Paris", ["University of Paris", "Paris"]) == [(0, 19), (14, 19)]


def test_a_part_of_the_text_is_looked_at_first() -> None:
    assert find_quotes("yes yes yes", ["yes", "yes", "no"], [(4, 7), None, (0, 3)]) == [(4, 7), (0, 3), None]


def test_a_large_text_with_many_quotes_is_a_matter_of_seconds() -> None:
    words = [f"w{number % 7919}é" for number in range(150_000)]
    text = " ".join(words)
    quotes = [" ".join(words[start : start + 3]) for start in range(0, 150_000, 600)]
    quotes += [quote.upper() for quote in quotes]
    began = time.process_time()
    places = find_quotes(text, quotes)
    assert len(quotes) == 500
    assert None not in places
    assert time.process_time() - began < 15


def test_twenty_spans_of_a_page_take_about_a_millisecond() -> None:
    words = [f"word{number}" for number in range(220)]
    began = time.process_time()
    for _ in range(50):
        assert None not in find_quotes(" ".join(words), words[:200:10])
    assert (time.process_time() - began) / 50 < 0.005


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), ("3", 3), (3.0, 3), (3.5, None), (-1, None), (True, None), ("x", None), (None, None), ([], None)],
)
def test_a_whole_number_is_read_in_any_form(value: object, expected: int | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(("text", "units"), [("", 0), ("ab", 2), ("é", 1), ("a😀", 3), ("\ud800", 1)])
def test_utf16_counts_as_javascript_does(text: str, units: int) -> None:
    assert utf16(text) == units
