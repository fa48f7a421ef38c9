from django.urls import path

from automations import views

urlpatterns = [path("automations/", views.AutomationList.as_view(), name="automations")]
