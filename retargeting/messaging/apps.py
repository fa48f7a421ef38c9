from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "retargeting.messaging"
    verbose_name = "Messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from retargeting import clock
        from retargeting.channels import receipts as told
        from retargeting.messaging import actions, clicks, concerns, dispatches, receipts
        from retargeting.profiles import erasure
        from retargeting.web import panels

        erasure.register(actions.scrub)
        told.on_receipts(receipts.record)
        panels.watch(concerns.failing_channels)
        clock.every(1, clicks.judge_held)
        clock.every(1, dispatches.recover_expired_leases)
        clock.every(2, dispatches.wake_forgotten)
        clock.every(5, dispatches.finish_forgotten)
        clock.every(1, dispatches.retry_due)
