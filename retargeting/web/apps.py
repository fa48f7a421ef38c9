from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "retargeting.web"
    label = "web"

    def ready(self) -> None:
        from retargeting.web import navigation

        navigation.register(navigation.Entry("", "Home", "home", "home", order=0))
