from django.apps import AppConfig
from django.db.models.signals import post_migrate


class InteractionsConfig(AppConfig):
    name = "retargeting.interactions"
    verbose_name = "Interactions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from retargeting.interactions import erasing
        from retargeting.interactions import panels as ours
        from retargeting.orchestrations import figures
        from retargeting.profiles import erasure, timeline
        from retargeting.web import panels

        panels.register(panels.Panel("channels", "interactions/panel_channels.html", ours.channels, order=10))
        timeline.register(ours.message_moments)
        timeline.register(ours.custom_moments)
        figures.register("orchestrations", ours.figures_of_orchestrations)
        figures.register("steps", ours.figures_of_steps)
        erasure.register(erasing.scrub)
        # A dump that is restored in another cluster goes through `migrate` before anything is written there.
        post_migrate.connect(_move_in, sender=self)


def _move_in(using: str, **kwargs: object) -> None:
    from django.db import DEFAULT_DB_ALIAS

    from retargeting.interactions.index import state
    from retargeting.profiles.sets import refreshing

    if using == DEFAULT_DB_ALIAS:
        state.move_in()
        state.renew()
        refreshing.renew()
