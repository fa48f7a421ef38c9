from __future__ import annotations

from django.db import models


class AutomationQuerySet(models.QuerySet):
    def running(self) -> AutomationQuerySet:
        return self.filter(status="running", archived_at=None)


class JourneyQuerySet(models.QuerySet):
    def on_the_way(self) -> JourneyQuerySet:
        return self.filter(status="waiting")
