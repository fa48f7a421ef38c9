from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from retargeting.conditions.nodes import Channel
from retargeting.messaging import languages
from retargeting.messaging.content import FIELDS, LANGUAGES


class MessageForm(forms.Form):
    """The fields of a channel's message in one language; "" is the default, which has the settings as well.

    Whatever can be stored is valid: what is wrong with it is for `content.check` to say.
    """

    def __init__(self, channel: str, *args: Any, whole: Mapping[str, Any], language: str = "", **kwargs: Any) -> None:
        words = languages.told_in(whole).get(language, {}) if language else languages.default(whole)
        kwargs["initial"] = dict(words)
        super().__init__(*args, **kwargs)
        self.channel, self.whole, self.language = channel, whole, language
        self.shown = [field for field in FIELDS[Channel(channel)] if not (language and field.setting)]
        for field in self.shown:
            rows = 12 if field.html else 4
            choices = list(field.choices)
            if language and choices:
                choices = [("", "As in the default"), *choices]
            self.fields[field.key] = forms.CharField(
                label=field.label,
                help_text="Empty: that of the default." if language and field.shared else field.help,
                max_length=field.most,
                required=False,
                strip=False,
                widget=forms.Textarea(attrs={"rows": rows, "spellcheck": "true"})
                if field.multiline
                else forms.Select(choices=choices)
                if choices
                else None,
            )

    @property
    def content(self) -> dict[str, Any]:
        """The whole message, with what was typed."""
        # Browsers send line ends as CRLF.
        typed = {field.key: self.cleaned_data.get(field.key) for field in self.shown}
        words = {key: value.replace("\r\n", "\n") for key, value in typed.items() if value}
        return languages.with_language(self.whole, self.language, words)

    def place_of(self, key: str) -> str:
        """The field of `content.check` that a field of this form is."""
        return f"{LANGUAGES}/{self.language}/{key}" if self.language else key
