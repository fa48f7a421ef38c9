from collections.abc import Iterator

from django.apps import AppConfig


class AudiencesConfig(AppConfig):
    name = "retargeting.audiences"
    verbose_name = "Audiences"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import reverse

        from retargeting import clock
        from retargeting.audiences import checking, tasks, used
        from retargeting.audiences.models import Segment
        from retargeting.profiles import cards
        from retargeting.profiles import used as lists_used
        from retargeting.web import navigation, searching

        def find(words: str, limit: int) -> Iterator[searching.Hit]:
            for segment in Segment.objects.named_like(words)[:limit]:
                yield searching.Hit(segment.name, reverse("segment", args=[segment.pk]), "filter", "Segment")

        navigation.register(
            navigation.Entry("People", "Audiences", "audiences", "filter", order=20, count=Segment.objects.count)
        )
        searching.register(searching.Searcher("Segments", find, order=40))
        cards.register("audiences/person_check.html", checking.card)
        lists_used.register(used.places_of_lists)
        clock.every(600, tasks.count_uncounted)
