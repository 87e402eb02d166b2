"""Reading one device: every column once, within one deadline, and cut off when the agent leads nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from collectors.network.snmp.oid import index, inside
from collectors.network.snmp.session import Session
from collectors.network.snmp.values import Value, integer, number, text
from core.errors import BadReply, DeviceError, Unreachable

Column = Mapping[str, Value]
MAX_ROWS = 20_000
MAX_VALUES = 400_000
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
_NOTHING: Column = {}


@dataclass(slots=True)
class Kept:
    """What seldom changes on a device, kept from one poll to the next: names, and which columns it does not have."""

    names: dict[str, Column] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)


class Reader:
    """The values of one agent, asked for at most once and kept; ``problems`` says what could not be read.

    ``monotonic`` and ``deadline`` are in seconds of the same clock. After the deadline, or once the agent has gone
    silent, nothing is asked any more: what was read stays, the rest is empty.
    """

    def __init__(self, session: Session, monotonic: Callable[[], float], deadline: float, kept: Kept | None = None, max_rows: int = MAX_ROWS) -> None:
        self._session, self._monotonic, self._deadline, self._max_rows = session, monotonic, deadline, max_rows
        self._kept = Kept() if kept is None else kept
        self._scalars: dict[str, Value] = {}
        self._columns: dict[str, Column] = {}
        self._gone = False
        self._values = 0
        self.problems: list[str] = []

    def own(self, oid: str) -> str:
        """``@.1.2`` with the device's sysObjectID for the ``@``; any other OID as it is."""
        if not oid.startswith("@"):
            return oid
        return text(self.get(SYS_OBJECT_ID)).removeprefix(".") + oid[1:]

    @property
    def complete(self) -> bool:
        """Whether the agent was heard out, neither silent half-way nor cut off at the deadline."""
        return not self._gone

    def give_up(self, problem: str) -> None:
        """What was read is not the whole, for a reason that lies elsewhere."""
        self._gone = True
        self.problems.append(problem)

    def get(self, oid: str) -> Value:
        """The value of one instance, or None."""
        oid = self.own(oid)
        if oid not in self._scalars:
            self.fetch([oid])
        return self._scalars.get(oid)

    def text(self, oid: str) -> str:
        """The value of one instance as text, empty when there is none."""
        return text(self.get(oid))

    def number(self, oid: str) -> float | None:
        """The value of one instance as a number."""
        return number(self.get(oid))

    def integer(self, oid: str) -> int | None:
        """The value of one instance as a whole number."""
        return integer(self.get(oid))

    def fetch(self, oids: Iterable[str]) -> None:
        """Read many instances in few requests, so that ``get`` finds them."""
        wanted = [oid for oid in dict.fromkeys(map(self.own, oids)) if oid not in self._scalars]
        if not wanted or self._over():
            return
        found: Mapping[str, Value] = {}
        try:
            found = self._session.get(wanted)
        except DeviceError as err:
            self._failed(err)
        for oid in wanted:
            self._scalars[oid] = found.get(oid)

    def names(self, root: str) -> Column:
        """As ``column``, for what seldom changes: taken from the poll before when it was kept."""
        root = self.own(root)
        if root not in self._kept.names:
            column = self.column(root)
            if self._gone:
                return column
            self._kept.names[root] = column
        return self._kept.names[root]

    def column(self, root: str, *, always: bool = False, most: int | None = None) -> Column:
        """Index to value of every instance below ``root``; one that was empty lately is asked for again with ``always`` alone; ``most`` rows are read."""
        root = self.own(root)
        if root in self._kept.empty and not always:
            return _NOTHING
        if root not in self._columns:
            self._columns[root] = self._walk(root, min(most or self._max_rows, self._max_rows))
        return self._columns[root]

    def has(self, root: str) -> bool:
        """Whether the agent has anything below ``root``: the first instance is asked for, no more."""
        if self._over():
            return False
        try:
            return next((inside(oid, root) for oid, _ in self._session.walk(root)), False)
        except DeviceError as err:
            self._failed(err)
        return False

    def _walk(self, root: str, most: int) -> Column:
        if self._over():
            return _NOTHING
        rows: dict[str, Value] = {}
        try:
            for oid, value in self._session.walk(root):
                if not inside(oid, root):
                    break
                place = index(oid, root)
                if place in rows:
                    # some agents list a table out of order, which does no harm; one that comes back to a row never ends
                    raise BadReply("", f"{root}: the agent goes in circles (at {oid}); the walk was cut off")
                rows[place] = value
                if len(rows) >= most:
                    raise BadReply("", f"{root}: more than {most:,} rows; the walk was cut off")
                if self._over() or self._sated():
                    break
        except DeviceError as err:
            self._failed(err)
        if not rows and not self._gone:
            self._kept.empty.add(root)
        return {place: value for place, value in rows.items() if value is not None}

    def _over(self) -> bool:
        if not self._gone and self._monotonic() > self._deadline:
            self._gone = True
            self.problems.append("the deadline passed before everything was read")
        return self._gone

    def _sated(self) -> bool:
        """An agent that makes up rows in every column is not heard out."""
        self._values += 1
        if self._values > MAX_VALUES and not self._gone:
            self._gone = True
            self.problems.append(f"more than {MAX_VALUES:,} values; the rest was not read")
        return self._gone

    def _failed(self, err: DeviceError) -> None:
        self.problems.append(str(err))
        # an agent that has gone silent would cost a full wait for each of the columns still to come
        self._gone = self._gone or isinstance(err, Unreachable)
