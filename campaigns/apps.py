from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = "Campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from campaigns import home, moves, tasks
        from campaigns.models import Campaign, CampaignStatus
        from retargeting import clock
        from retargeting.audiences import used
        from retargeting.messaging import dispatches

        home.register()
        clock.every(1, moves.start_due)
        clock.every(2, moves.choose_due_winners)
        clock.every(1, tasks.end_grace)
        clock.every(10, tasks.wake_forgotten)
        dispatches.on_finished(moves.complete)
        ended = [CampaignStatus.COMPLETED, CampaignStatus.CANCELED]
        used.register(
            lambda: (
                (f"the campaign {campaign}", campaign.audience)
                for campaign in Campaign.objects.exclude(status__in=ended).filter(archived_at=None)
            )
        )
