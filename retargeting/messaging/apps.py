from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "retargeting.messaging"
    verbose_name = "Messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from retargeting import clock
        from retargeting.channels import receipts as told
        from retargeting.messaging import (
            actions,
            caps,
            clicks,
            concerns,
            dispatches,
            eligibility,
            quiet,
            receipts,
            withheld,
        )
        from retargeting.messaging.models import SkipReason
        from retargeting.profiles import erasure
        from retargeting.web import panels

        erasure.register(actions.scrub)
        told.on_receipts(receipts.record)
        panels.watch(concerns.failing_channels)
        clock.every(1, clicks.judge_held)
        clock.every(1, dispatches.recover_expired_leases)
        clock.every(2, dispatches.wake_forgotten)
        clock.every(5, dispatches.finish_forgotten)
        clock.every(5, dispatches.give_up_waiting)
        clock.every(1, dispatches.release_due)
        clock.every(1, dispatches.retry_due)
        eligibility.register(SkipReason.DUPLICATE, withheld.duplicates, order=10)
        eligibility.register(SkipReason.CONTROL_GROUP, withheld.control_group, order=20)
        eligibility.register(SkipReason.HOLDOUT, withheld.holdout, order=30)
        eligibility.register(SkipReason.QUIET_HOURS, quiet.skipped, order=40)
        eligibility.register_postponer(SkipReason.QUIET_HOURS, quiet.put_off, order=40)
        eligibility.register(SkipReason.CAPPED, caps.skipped, order=50, contested=True)
        eligibility.register_postponer(SkipReason.CAPPED, caps.put_off, order=50, contested=True)
