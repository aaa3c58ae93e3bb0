"""One JSON value of a file → the changes it brings, whichever of the known formats it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convotrace.errors import BadRequest
from convotrace.export import dump
from convotrace.intake.answers import JSON
from convotrace.intake.chat_logs import of_messages, of_turns
from convotrace.intake.exported import of_export
from convotrace.intake.receive import receive
from convotrace.model import Change, Json
from convotrace.pricing import Prices
from convotrace.redaction import Redactor
from convotrace.settings import Settings

FORMATS = "an exported session (session and traces), OTLP (resourceSpans or resourceLogs), messages, or turns"


@dataclass(frozen=True)
class Reader:
    """Reads the values of one file.

    Args:
        name: What sessions without an id are called, with the number of their line behind it.
        begin_ns: When conversations without a time began.
        settings: The options in force.
        prices: For calls whose cost was not told.
    """

    name: str
    begin_ns: int
    settings: Settings
    prices: Prices | None = None

    def read(self, found: Json, line: int) -> list[Change]:
        """Return the changes of one value.

        Args:
            found: The value.
            line: Where it stands.

        Raises:
            BadRequest: It is in none of the formats, or wrong in its own; the sentence names the line.
        """
        if isinstance(found, list):
            found = {"messages": found}
        try:
            return self._read(found, line)
        except (ValueError, BadRequest) as error:
            raise BadRequest(f"Line {line}: {error}") from None

    def _read(self, found: Json, line: int) -> list[Change]:
        if isinstance(found, Mapping):
            if "session" in found and "traces" in found:
                return of_export(self._clean(found))
            if "resourceSpans" in found or "resourceLogs" in found:
                signal = "logs" if "resourceLogs" in found else "traces"
                return list(receive(dump(found), next(iter(JSON)), signal, self.settings, self.prices).changes)
            if "messages" in found:
                return of_messages(self._clean(found), f"{self.name}-{line}", self.begin_ns)
            if "turns" in found:
                return of_turns(self._clean(found), f"{self.name}-{line}", self.begin_ns)
        raise ValueError(f"it is in no known format; use {FORMATS}.")

    def _clean(self, found: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return what others wrote down without what is never stored."""
        cleaned: Mapping[str, Json] = Redactor().clean(dict(found))
        return cleaned
