from django.apps import AppConfig


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
