from collections.abc import Iterator

from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    name = "retargeting.profiles"
    verbose_name = "Profiles"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import reverse

        from retargeting import clock
        from retargeting.profiles import tasks
        from retargeting.profiles.models import Profile, ProfileList
        from retargeting.web import navigation, panels, searching

        def find(words: str, limit: int) -> Iterator[searching.Hit]:
            for person in Profile.objects.search(words)[:limit]:
                yield searching.Hit(person.external_id, reverse("person", args=[person.pk]), "user", person.full_name)

        def find_lists(words: str, limit: int) -> Iterator[searching.Hit]:
            for found in ProfileList.objects.named_like(words)[:limit]:
                yield searching.Hit(found.name, reverse("list", args=[found.pk]), "list", "List")

        navigation.register(
            navigation.Entry("People", "People", "people", "users", order=10, count=Profile.objects.about_how_many)
        )
        searching.register(searching.Searcher("People", find, order=20))
        searching.register(searching.Searcher("Lists", find_lists, order=45))
        clock.every(10, tasks.wake_forgotten_imports)
        clock.every(3600, tasks.forget_old_uploads)
        panels.register_step(
            panels.Step(
                "Bring people in",
                "Send profiles, with their addresses and attributes, through the API.",
                "people",
                Profile.objects.exists,
                order=10,
            )
        )
