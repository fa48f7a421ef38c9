from __future__ import annotations

from typing import Any

from django import forms

from retargeting.profiles.models import ImportKey, ImportMode, ListImport, Profile

MAX_UPLOAD = 2 * 1024**3
SHOWN_SAMPLES = 3


class ListForm(forms.Form):
    name = forms.CharField(max_length=200)


class AddMemberForm(forms.Form):
    """Names one person. What is wrong is said in one sentence, since the form is one line of a page."""

    person = forms.CharField(
        label="Add a person",
        max_length=255,
        error_messages={"required": "Enter an external id or an email address."},
        widget=forms.TextInput(attrs={"placeholder": "External id or email", "autocomplete": "off"}),
    )

    def clean_person(self) -> Profile:
        words: str = self.cleaned_data["person"]
        people = list(Profile.objects.named(words).order_by("external_id")[:6])
        if not people:
            raise forms.ValidationError(f"There is nobody with the external id or email address {words}.")
        if len(people) > 1:
            names = ", ".join(person.external_id for person in people[:5])
            more = " and others" if len(people) > 5 else ""
            raise forms.ValidationError(f"Several people have that address: {names}{more}. Enter the external id.")
        return people[0]


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        max_length=255,
        help_text="Columns cut by comma, semicolon or tab. One column names the people, by external id or by email.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/tab-separated-values"}),
        error_messages={"required": "Choose a file first.", "empty": "The file is empty."},
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_UPLOAD:
            raise forms.ValidationError("The file is larger than 2 GB. Split it.")
        return file


class ImportForm(forms.Form):
    """Confirms what was guessed of a file, and says what is to become of the list."""

    has_header = forms.BooleanField(label="The first line is a header", required=False)
    column = forms.TypedChoiceField(label="Which column names the person?", coerce=int)
    key = forms.ChoiceField(label="What does it hold?", choices=ImportKey, widget=forms.RadioSelect)
    mode = forms.ChoiceField(
        label="What becomes of the list?",
        choices=ImportMode,
        widget=forms.RadioSelect,
        help_text="Replacing takes off everyone who is not in the file, but for people who were added by hand.",
    )
    put_back = forms.BooleanField(label="Also put back people who were taken off by hand", required=False)

    def __init__(self, *args: Any, list_import: ListImport, rows: list[list[str]], **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(list_import, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)
        self._offer_to_put_back(list_import.list.removals.count())
        columns: forms.TypedChoiceField = self.fields["column"]  # type: ignore[assignment]
        columns.choices = [(at, column_name(rows, at)) for at in range(max(map(len, rows)))]

    def _offer_to_put_back(self, taken_off: int) -> None:
        """Only where there is somebody who could be put back."""
        people = "1 person was" if taken_off == 1 else f"{taken_off:,} people were"
        if taken_off:
            help_text = f"{people} taken off by hand. Without the tick they stay off, and the report names them."
            self.fields["put_back"].help_text = help_text
        else:
            del self.fields["put_back"]


def column_name(rows: list[list[str]], at: int) -> str:
    """What a column is called in the first line, with examples of what it holds below it."""
    cells = [row[at].strip()[:40] for row in rows if at < len(row)]
    samples = ", ".join(filter(None, cells[1 : 1 + SHOWN_SAMPLES]))
    name = cells[0] or f"Column {at + 1}"
    return f"{name} ({samples})" if samples else name
