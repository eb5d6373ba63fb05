"""What the mail server says at the sign-in, and what it means for the run that waits."""

import poplib

import pytest

from runs import errors
from runs.tools import inbox


class Server:
    def __init__(self, answer: str) -> None:
        self.answer = answer

    def user(self, name: str) -> None:
        """Every name is fine."""

    def pass_(self, password: str) -> None:
        raise poplib.error_proto(self.answer.encode())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-ERR [AUTH] no such user", errors.Declined),
        ("-ERR wrong password", errors.Declined),
        ("-ERR [SYS/TEMP] the disk is full", errors.Unreachable),
        ("-ERR [LOGIN-DELAY] wait a minute", errors.Unreachable),
        ("-ERR [IN-USE] locked", errors.Unreachable),
    ],
)
def test_a_refusal_for_now_is_no_refusal_for_good(answer, kind):
    with pytest.raises(kind, match=r"sales@northwind\.example"):
        inbox._sign_in(Server(answer), "sales@northwind.example", "secret")
