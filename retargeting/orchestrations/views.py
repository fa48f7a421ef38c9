from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import DetailView

from retargeting.accounts.permissions import actor_of
from retargeting.orchestrations import actions, figures
from retargeting.orchestrations.figures import Figures
from retargeting.orchestrations.filters import LabelFilter
from retargeting.orchestrations.forms import LabelForm
from retargeting.orchestrations.models import Label
from retargeting.web import navigation
from retargeting.web.confirming import ConfirmView
from retargeting.web.editing import ActionFormView
from retargeting.web.lists import ListView


class LabelList(ListView):
    queryset = Label.objects.with_use()
    filterset_class = LabelFilter
    template_name = "orchestrations/labels.html"
    sorts = {
        "name": ["name"],
        "campaigns": ["campaigns", "name"],
        "automations": ["automations", "name"],
        "used": ["last_used", "name"],
    }
    default_sort = "name"
    title = "Labels"
    noun = ("label", "labels")


class LabelPage(DetailView):
    """A label, what carries it, and what people did with all of that."""

    model = Label
    template_name = "orchestrations/label.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        carriers = list(self.object.orchestrations.order_by("-created_at").prefetch_related("message_steps"))
        counted = figures.of_orchestrations([carrier.pk for carrier in carriers])
        return super().get_context_data(
            rows=[(carrier, counted[carrier.pk]) for carrier in carriers],
            total=reduce(add, counted.values(), Figures()),
            **kwargs,
        )


class LabelCreate(ActionFormView):
    form_class = LabelForm
    button = "Create label"
    back_label = "Labels"

    def title(self) -> str:
        return "New label"

    def back(self) -> str:
        return reverse("labels")

    def act(self, form: LabelForm) -> str:
        label = actions.create_label(actor=actor_of(self.request), **form.cleaned_data)
        navigation.forget_counts()
        self.done = f"Created the label {label.name}."
        return reverse("label", args=[label.pk])


class LabelUpdate(ActionFormView):
    form_class = LabelForm
    back_label = "Labels"

    @cached_property
    def label(self) -> Label:
        return get_object_or_404(Label, pk=self.kwargs["pk"])

    def title(self) -> str:
        return f"Edit {self.label.name}"

    def back(self) -> str:
        return reverse("label", args=[self.label.pk])

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": self.label}

    def act(self, form: LabelForm) -> str:
        label = actions.update_label(actor=actor_of(self.request), label=self.label, **form.cleaned_data)
        self.done = f"Saved the label {label.name}."
        return self.back()


class LabelDelete(ConfirmView):
    @cached_property
    def label(self) -> Label:
        return get_object_or_404(Label.objects.with_use(), pk=self.kwargs["pk"])

    def question(self) -> dict[str, Any]:
        campaigns, automations = self.label.campaigns, self.label.automations  # type: ignore[attr-defined]  # with_use
        consequences = []
        if campaigns or automations:
            consequences = [
                f"It is taken off {campaigns:,} campaign{'' if campaigns == 1 else 's'} and"
                f" {automations:,} automation{'' if automations == 1 else 's'}. They and their numbers stay.",
                "Conditions that name this label no longer work: audiences and segments with one show an error.",
            ]
        return {
            "title": f"Delete the label {self.label.name}?",
            "sentence": "This cannot be taken back." if consequences else "Nothing carries this label.",
            "consequences": consequences,
            "button": "Delete label",
            "back": reverse("label", args=[self.label.pk]),
        }

    def act(self) -> str:
        name = self.label.name
        actions.delete_label(actor=actor_of(self.request), label=self.label)
        navigation.forget_counts()
        messages.success(self.request, f"Deleted the label {name}.")
        return reverse("labels")
