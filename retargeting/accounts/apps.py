from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "retargeting.accounts"
    verbose_name = "People and keys"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from retargeting import clock
        from retargeting.accounts.idempotency import forget_old_answers
        from retargeting.web import navigation

        clock.every(3600, forget_old_answers)
        navigation.register(navigation.Entry("Measure", "Activity", "activity", "history", order=40))
        navigation.register(navigation.Entry("Measure", "API", "api-docs", "link", order=60))
