"""A conversation with an SNMP agent: one small interface, two engines behind it (gufo-snmp fast, pysnmp thorough)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, Protocol

from collectors.network.snmp.access import Access
from collectors.network.snmp.values import Value

Engine = Literal["gufo", "pysnmp"]


class Session(Protocol):
    """A conversation with one agent; not to be shared between threads.

    Values are int, float, text (addresses, OIDs), octets, or None where the agent has no such instance. Every method
    raises Unreachable, AuthRefused or BadReply.
    """

    def get(self, oids: Sequence[str]) -> Mapping[str, Value]:
        """The values of some instances; what the agent does not have is left out."""
        ...

    def walk(self, root: str) -> Iterator[tuple[str, Value]]:
        """Every instance after ``root`` in the agent's order, lazily, to the end of ``root`` (one too many is allowed)."""
        ...

    def close(self) -> None:
        """Give the socket back."""
        ...


Opener = Callable[[Access], Session]


def open_session(access: Access, engine: Engine = "gufo") -> Session:
    """A session with the agent at ``access``; gufo knows no contexts."""
    if engine == "pysnmp" or access.context:
        from collectors.network.snmp.thorough import PysnmpSession

        return PysnmpSession(access)
    from collectors.network.snmp.fast import GufoSession

    return GufoSession(access)
