"""What an address is, what an answer is, and which addresses may be called."""

import pytest

from nrm.notify.rules import ChannelName, asks_answer, code_in, email, hook, is_yes, may_be_called, normal, phone, shown


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("06 12 34 56 78", "+31612345678"),
        ("+31 6-1234.5678", "+31612345678"),
        ("0031612345678", "+31612345678"),
        ("+49 (151) 23456789", "+4915123456789"),
        ("112", None),
        ("+0612345678", None),
        ("06 12 34 56 78; +31699999999", None),
        ("bel mij", None),
        ("", None),
    ],
)
def test_a_number_as_providers_take_it(typed: str, kept: str | None) -> None:
    assert phone(typed) == kept


@pytest.mark.parametrize("typed", ["a@b.nl", "piket.dienst+1@opvang.example.org"])
def test_a_mail_address(typed: str) -> None:
    assert email(f" {typed} ") == typed


@pytest.mark.parametrize("typed", ["a@b", "a b@c.nl", "a@b.nl\r\nBcc: c@d.nl", "<a@b.nl>", "a@b.nl,c@d.nl", "x" * 201])
def test_no_mail_address(typed: str) -> None:
    assert email(typed) is None


@pytest.mark.parametrize(
    "typed",
    [
        "http://hooks.example.org/x",
        "https://user:secret@hooks.example.org/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "https://intranet/x",
        "https://hooks.example.org/x#y",
        "https://hooks.example.org:port/x",
        "ftp://hooks.example.org",
        "https://hooks.example.org/" + "x" * 400,
    ],
)
def test_a_system_that_may_not_be_called(typed: str) -> None:
    assert hook(typed, loopback=False) is None


def test_a_system_that_may_be_called() -> None:
    assert hook("https://hooks.example.org/x?y=1", loopback=False) == "https://hooks.example.org/x?y=1"
    assert hook("http://127.0.0.1:8080/x", loopback=False) is None
    assert hook("http://127.0.0.1:8080/x", loopback=True) == "http://127.0.0.1:8080/x"


@pytest.mark.parametrize(
    "inside", ["10.1.2.3", "127.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "100.64.0.1", "x"]
)
def test_nothing_inside_is_called(inside: str) -> None:
    assert not may_be_called(inside, loopback=False)


def test_what_is_outside_is_called() -> None:
    assert may_be_called("93.184.216.34", loopback=False)
    assert may_be_called("127.0.0.1", loopback=True)
    assert not may_be_called("10.0.0.1", loopback=True)


@pytest.mark.parametrize("text", ["1", " JA ", "ja!", "Yes.", "ok", "kr 4820", "KR4820"])
def test_a_yes(text: str) -> None:
    assert is_yes(text, "KR 4820")


@pytest.mark.parametrize("text", ["", "2", "nee", "jazeker niet", "KR 4821", "stop"])
def test_no_yes(text: str) -> None:
    assert not is_yes(text, "KR 4820")


def test_an_empty_code_is_no_answer() -> None:
    assert not is_yes("", "")


def test_the_code_in_a_subject() -> None:
    assert code_in("Alarm: opvangvraag KR 4820 wacht te lang") == "KR 4820"
    assert code_in("Uw code voor NRM: 123456") == ""


def test_a_code_to_type_over_asks_for_no_answer() -> None:
    assert asks_answer("card:x")
    assert not asks_answer("code:x")


def test_an_address_on_screen_is_shortened() -> None:
    assert shown("sms", "+31612345678") == "+31 … 678"
    assert shown("email", "jansen@opvang.example.org") == "ja…@opvang.example.org"
    assert shown("web_push", '{"endpoint":"https://push.example.org/secret"}') == ""


def test_a_browser_has_no_address_to_type() -> None:
    assert normal(ChannelName.WEB_PUSH, "{}", loopback=True) is None
