from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "retargeting.api"
    label = "api"
