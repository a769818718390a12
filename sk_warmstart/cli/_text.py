"""Text for a terminal of any encoding."""

from __future__ import annotations

from typing import TextIO

_PLAINLY = str.maketrans({"≤": "<=", "≥": ">=", "×": "x", "–": "-", "—": "-", "±": "+/-", "→": "->", "…": "..."})


def printable(text: str) -> str:
    """Write control characters, which could drive a terminal, as escapes; line ends stay."""
    return "".join(
        letter if letter == "\n" or letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def write_line(text: str, stream: TextIO) -> None:
    """Write a line, in letters that the stream's encoding has."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = printable(text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAINLY).encode(encoding, errors="backslashreplace").decode(encoding)
    except LookupError:
        text = text.encode("ascii", errors="backslashreplace").decode("ascii")
    stream.write(f"{text}\n")
