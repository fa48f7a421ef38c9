from __future__ import annotations

from retargeting.accounts.filters import ActivityFilter
from retargeting.accounts.models import Activity
from retargeting.web.lists import ListView


class ActivityList(ListView):
    queryset = Activity.objects.select_related("user", "api_key")
    filterset_class = ActivityFilter
    template_name = "accounts/activity.html"
    sorts = {"at": ["at", "id"]}
    default_sort = "-at"
    title = "Activity"
    noun = ("entry", "entries")
