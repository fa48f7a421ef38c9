from __future__ import annotations

from typing import Any

from automations.filters import AutomationFilter
from automations.models import Automation
from retargeting.orchestrations import figures
from retargeting.web.access import can_write
from retargeting.web.lists import ListView


class AutomationList(ListView):
    """What there is, with the numbers of each message step."""

    filterset_class = AutomationFilter
    template_name = "automations/automations.html"
    paginate_by = 25
    sorts = {"name": ["name"], "created": ["created_at", "id"]}
    default_sort = "-created"
    title = "Automations"
    noun = ("automation", "automations")

    def get_queryset(self) -> Any:
        self.queryset = Automation.objects.prefetch_related("labels", "message_steps")
        return super().get_queryset()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        steps = {
            automation: [step for step in automation.message_steps.all() if step.removed_at is None]
            for automation in context["object_list"]
        }
        counted = figures.of_steps([step.pk for some in steps.values() for step in some])
        context["rows"] = [
            (automation, [(step, counted[step.pk]) for step in some]) for automation, some in steps.items()
        ]
        context["editable"] = can_write(self.request.user)
        return context
