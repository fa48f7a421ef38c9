from django.apps import AppConfig


class RetargetingConfig(AppConfig):
    """Has no tables: it is here for the commands that run the product."""

    name = "retargeting"
    label = "retargeting"
