from collections.abc import Iterator

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    name = "retargeting.audiences"
    verbose_name = "Audiences"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import reverse

        from retargeting.audiences.models import Segment
        from retargeting.web import navigation, searching

        def find(words: str, limit: int) -> Iterator[searching.Hit]:
            for segment in Segment.objects.named_like(words)[:limit]:
                yield searching.Hit(segment.name, reverse("segment", args=[segment.pk]), "filter", "Segment")

        navigation.register(
            navigation.Entry("People", "Audiences", "audiences", "filter", order=20, count=Segment.objects.count)
        )
        searching.register(searching.Searcher("Segments", find, order=40))
