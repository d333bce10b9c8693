"""Which addresses may be fetched from, and by which way; nothing is connected to here."""

from __future__ import annotations

import pytest

from llm_interactive.errors import TaskDataError
from llm_interactive.media.addresses import Address, Places, is_public_https, plain_path

LABEL_STUDIO = Address.parse("http://label-studio:8080")
PLACES = Places(LABEL_STUDIO, ["media.example.com", "minio:9000", "*.images.org", "10.0.0.5", "[::1]:9000"])


@pytest.mark.parametrize(
    ("text", "place", "target"),
    [
        ("https://Example.COM/a.png", "example.com", "/a.png"),
        ("https://example.com:443/a.png", "example.com", "/a.png"),
        ("https://example.com:8443/a.png", "example.com:8443", "/a.png"),
        ("http://example.com", "example.com", "/"),
        ("http://example.com./a", "example.com", "/a"),
        ("http://[0:0::1]:9000/a", "[::1]:9000", "/a"),
        ("https://bücher.example/ü b.png", "xn--bcher-kva.example", "/%C3%BC%20b.png"),
        ("http://e.com/a\r\nHost: b?c\td", "e.com", "/aHost:%20b?cd"),
        ("https://e.com/a%2Fb?X-Sig=a%2Bb%3D&c=d#part", "e.com", "/a%2Fb?X-Sig=a%2Bb%3D&c=d"),
    ],
)
def test_an_address_is_read_into_its_place_and_target(text: str, place: str, target: str) -> None:
    address = Address.parse(text)
    assert (address.place, address.target) == (place, target)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file:///etc/passwd", '"file:"'),
        ("ftp://example.com/a", '"ftp:"'),
        ("gopher://example.com/a", '"gopher:"'),
        ("javascript:alert(1)", '"javascript:"'),
        ("cat.png", "no http(s)"),
        ("//example.com/a.png", "no http(s)"),
        ("", "no http(s)"),
        ("http:///a.png", "no host"),
        ("http://user:secret@example.com/", "user name"),
        ("http://exa mple.com/", "cannot be read"),
        ("http://a.com\\@b.com/", "user name"),
        ("http://[::1/", "cannot be read"),
        ("http://example.com:99999/", "cannot be read"),
        ("http://-a.com/", "cannot be read"),
        (f"http://{'a' * 64}.com/", "cannot be read"),
        (f"http://{'a.' * 130}com/", "cannot be read"),
    ],
)
def test_an_address_that_is_no_plain_http_address_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(TaskDataError) as caught:
        Address.parse(text)
    assert says in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "http://label-studio:8080/data/upload/1/a.png",
        "http://media.example.com/a",
        "https://media.example.com/a",
        "http://minio:9000/bucket/a",
        "https://cdn.images.org/a",
        "https://a.b.images.org/a",
        "http://10.0.0.5/a",
        "http://[::1]:9000/a",
    ],
)
def test_places_hold_label_studio_and_the_listed_hosts(text: str) -> None:
    assert PLACES.hold(Address.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "http://label-studio/data/upload/1/a.png",
        "https://label-studio:8080/data/upload/1/a.png",
        "http://label-studio.evil.com:8080/a",
        "http://media.example.com:8080/a",
        "http://sub.media.example.com/a",
        "http://minio/a",
        "https://images.org/a",
        "https://evilimages.org/a",
        "https://cdn.images.org.evil.com/a",
        "https://cdn.images.org:8443/a",
        "http://10.0.0.6/a",
        "http://127.0.0.1:9090/predict",
        "http://167772165/a",
        "http://0x0a000005/a",
        "http://012.0.0.5/a",
        "http://10.5/a",
        "http://[::ffff:10.0.0.5]/a",
        "http://[::1]/a",
        "http://169.254.169.254/latest/meta-data/",
        "http://media.example.com.:8080/a",
    ],
)
def test_places_hold_nothing_else(text: str) -> None:
    assert not PLACES.hold(Address.parse(text))


PRIVATE = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "::1", "fd00::1", "::ffff:127.0.0.1"]
NEVER = ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]  # noqa: S104
NEVER += [
    "fd00:ec2::254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "::ffff:168.63.129.16",
    "2002:a9fe:a9fe::",
]


@pytest.mark.parametrize("ip", ["93.184.216.34", "2606:4700::1111", *PRIVATE])
@pytest.mark.parametrize("text", ["http://label-studio:8080/", "http://media.example.com/", "http://minio:9000/"])
def test_a_host_that_the_operator_named_may_be_anywhere(text: str, ip: str) -> None:
    assert PLACES.may_connect(Address.parse(text), ip)


@pytest.mark.parametrize(
    "ip",
    [*PRIVATE, *NEVER, "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1", "64:ff9b:1::7f00:1", "fec0::1", "240.0.0.1"],
)
def test_a_host_that_only_a_wildcard_lists_may_not_be_private(ip: str) -> None:
    assert not PLACES.may_connect(Address.parse("https://cdn.images.org/"), ip)


@pytest.mark.parametrize("ip", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_a_host_that_a_wildcard_lists_may_be_public(ip: str) -> None:
    assert PLACES.may_connect(Address.parse("https://cdn.images.org/"), ip)


@pytest.mark.parametrize("ip", NEVER)
def test_no_name_leads_to_the_machines_credentials(ip: str) -> None:
    assert not PLACES.may_connect(Address.parse("http://media.example.com/"), ip)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("https://example.com/a.png", True),
        ("https://example.com:8443/a.png?sig=1", True),
        ("https://93.184.216.34/a.png", True),
        ("https://[2606:4700::1111]/a.png", True),
        ("http://example.com/a.png", False),
        ("https://localhost/a.png", False),
        ("https://minio/a.png", False),
        ("https://files.corp.internal/a.png", False),
        ("https://printer.local/a.png", False),
        ("https://127.0.0.1/a.png", False),
        ("https://10.0.0.1/a.png", False),
        ("https://169.254.169.254/a.png", False),
        ("https://168.63.129.16/a.png", False),
        ("https://2130706433/a.png", False),
        ("https://[::7f00:1]/a.png", False),
        ("https://127.1/a.png", False),
        ("https://[::1]/a.png", False),
        ("https://user@example.com/a.png", False),
        ("data:image/png;base64,AAAA", False),
        ("/data/upload/1/a.png", False),
        ("s3://bucket/a.png", False),
        ("", False),
    ],
)
def test_only_an_https_address_on_the_internet_is_public(text: str, public: bool) -> None:
    assert is_public_https(text) is public


@pytest.mark.parametrize("path", ["/data/upload/1/a..b.png", "/data/upload/1/...png", "/data/upload/1/100%25.png"])
def test_dots_and_percent_signs_in_names_are_plain(path: str) -> None:
    assert plain_path(path)


@pytest.mark.parametrize(
    "path",
    ["/data/../api/", "/data/%2e%2e/api/", "/data/%252E%252e/api/", "/data/..;/api/", "/data/..\\api", "/data/a%00b"],
)
def test_a_step_upwards_is_not_plain_however_it_is_written(path: str) -> None:
    assert not plain_path(path)
