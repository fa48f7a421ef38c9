from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "retargeting.channels"
    verbose_name = "Channels"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from retargeting import clock
        from retargeting.channels import actions, concerns, health
        from retargeting.channels.in_app import waiting
        from retargeting.channels.models import ChannelConfig, SandboxMessage
        from retargeting.profiles import erasure
        from retargeting.web import navigation, panels

        navigation.register(
            navigation.Entry("Measure", "Outbox", "outbox", "inbox", order=50, count=SandboxMessage.objects.count)
        )
        panels.watch(concerns.disabled)
        panels.watch(concerns.troubled)
        clock.every(3600, health.forget_old_minutes)
        clock.every(3600, waiting.forget_old)
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
