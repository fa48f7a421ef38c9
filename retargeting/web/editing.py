"""Forms whose write is an action: what the action refuses is shown at the field it is about."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.views.generic import FormView

from retargeting.web.access import WriterRequiredMixin


class ActionFormView(WriterRequiredMixin, FormView):
    """Give `act`, which calls the action and returns where to go next; `done` is said on that page."""

    template_name = "web/form.html"
    button = "Save"
    back_label = ""
    done = ""

    def title(self) -> str:
        raise NotImplementedError

    def back(self) -> str:
        """Where "Cancel" and the breadcrumb lead."""
        raise NotImplementedError

    def act(self, form: Any) -> str:
        raise NotImplementedError

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            self.success_url = self.act(form)
        except ValidationError as error:
            known = hasattr(error, "error_dict") and set(error.error_dict) <= {*form.fields, "__all__"}
            form.add_error(None, error if known else error.messages)
            return self.form_invalid(form)
        messages.success(self.request, self.done)
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"title": self.title(), "button": self.button, "back": self.back(), "back_label": self.back_label}
        return super().get_context_data(**{**shown, **kwargs})
