"""What a browser would submit of a page: its successful controls, in the order of the document."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pairs: list[tuple[str, str]] = []
        self.select: tuple[str, list[tuple[str, bool]]] | None = None
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and given.get("name") and "disabled" not in given:
            kind = given.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in given:
                    self.pairs.append((given["name"], given.get("value", "on")))
            else:
                value = given.get("value", "")
                assert kind == "hidden" or not {"\n", "\r"} & set(value), "a browser drops line breaks"
                self.pairs.append((given["name"], value))
        elif tag == "select":
            self.select = (given["name"], [])
        elif tag == "option" and self.select is not None:
            self.select[1].append((given["value"], "selected" in given))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.select is not None:
            name, options = self.select
            chosen = [value for value, selected in options if selected]
            # Without a selected option a browser takes the first.
            self.pairs.append((name, (chosen or [options[0][0]])[-1]))
            self.select = None


def submitted(html: str, **buttons: str) -> str:
    """The encoded form; `buttons` are the name and value of the one that was pressed."""
    form = _Form()
    form.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
    pairs = [
        (name, value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")) for name, value in form.pairs
    ]
    return urlencode([*pairs, *buttons.items()])
