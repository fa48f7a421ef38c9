from collections.abc import Iterator

from django.apps import AppConfig


class OrchestrationsConfig(AppConfig):
    name = "retargeting.orchestrations"
    verbose_name = "Labels"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import reverse

        from retargeting.orchestrations.models import Label
        from retargeting.web import navigation, searching

        def find(words: str, limit: int) -> Iterator[searching.Hit]:
            for label in Label.objects.search(words)[:limit]:
                yield searching.Hit(label.name, reverse("label", args=[label.pk]), "tag", label.code)

        navigation.register(
            navigation.Entry("Measure", "Labels", "labels", "tag", order=20, count=Label.objects.count)
        )
        searching.register(searching.Searcher("Labels", find, order=30))
