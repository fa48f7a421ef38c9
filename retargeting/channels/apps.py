from collections.abc import Iterator

from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "retargeting.channels"
    verbose_name = "Channels"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import reverse

        from retargeting.channels import actions
        from retargeting.channels.models import ChannelConfig, SandboxMessage
        from retargeting.profiles import erasure
        from retargeting.web import navigation, panels

        def disabled() -> Iterator[panels.Concern]:
            for config in ChannelConfig.objects.filter(enabled=False):
                yield panels.Concern(
                    f"The channel {config} is disabled: nothing is sent on it.",
                    reverse("admin:channels_channelconfig_change", args=[config.pk]),
                    for_admins=True,
                )

        navigation.register(
            navigation.Entry("Measure", "Outbox", "outbox", "inbox", order=50, count=SandboxMessage.objects.count)
        )
        panels.watch(disabled)
        panels.register_step(
            panels.Step(
                "Choose how messages go out",
                "A provider for each channel you use. Until then the sandbox keeps everything in the outbox.",
                "admin:channels_channelconfig_changelist",
                ChannelConfig.objects.exclude(provider="sandbox").exists,
                order=20,
                for_admins=True,
            )
        )
        erasure.register(actions.scrub)
