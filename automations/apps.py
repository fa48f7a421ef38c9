from collections.abc import Iterator

from django.apps import AppConfig


class AutomationsConfig(AppConfig):
    name = "automations"
    verbose_name = "Automations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import reverse

        from automations import moving, reported, uses, webhooks
        from automations.engine.entries import properties_of
        from automations.models import Automation
        from retargeting import clock
        from retargeting.audiences import used
        from retargeting.interactions import journeys
        from retargeting.messaging import journeys as journeys_of_messages
        from retargeting.profiles import erasure
        from retargeting.web import navigation, searching

        def find(words: str, limit: int) -> Iterator[searching.Hit]:
            for automation in Automation.objects.filter(name__icontains=words)[:limit]:
                url = reverse("automation", args=[automation.pk])
                yield searching.Hit(automation.name, url, "route", automation.get_status_display())

        def current() -> int:
            return Automation.objects.filter(archived_at=None).count()

        used.register(uses.trees)
        clock.every(1, webhooks.wake_due)
        journeys_of_messages.register(properties_of)
        erasure.register(moving.scrub)
        journeys.register(reported.journeys_of)
        navigation.register(
            navigation.Entry("Reach people", "Automations", "automations", "route", order=20, count=current)
        )
        searching.register(searching.Searcher("Automations", find, order=11))
