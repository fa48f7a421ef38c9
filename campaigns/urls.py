from django.urls import path

from campaigns.views import audience, breakdown, deciding, editor, launching, lists, moves, preview, reach, report

urlpatterns = [
    path("campaigns/", lists.CampaignList.as_view(), name="campaigns"),
    path("campaigns/new/", lists.CampaignCreate.as_view(), name="campaign-create"),
    path("campaigns/labels/", lists.label_many, name="campaigns-label"),
    path("campaigns/<int:pk>/", editor.Editor.as_view(), name="campaign"),
    path("campaigns/<int:pk>/name/", editor.CampaignName.as_view(), name="campaign-name"),
    path("campaigns/<int:pk>/builder/", audience.builder, name="campaign-builder"),
    path("campaigns/<int:pk>/reach/<slug:part>/", reach.ReachPeople.as_view(), name="campaign-reach"),
    path("campaigns/<int:pk>/preview/mail/", preview.mail, name="campaign-preview-mail"),
    path("campaigns/<int:pk>/test/", preview.SendTest.as_view(), name="campaign-test"),
    path("campaigns/<int:pk>/launch/", launching.Launch.as_view(), name="campaign-launch"),
    path("campaigns/<int:pk>/schedule/", launching.Schedule.as_view(), name="campaign-schedule"),
    path("campaigns/<int:pk>/unschedule/", moves.unschedule, name="campaign-unschedule"),
    path("campaigns/<int:pk>/undo/", moves.undo, name="campaign-undo"),
    path("campaigns/<int:pk>/retry/", deciding.RetryFailed.as_view(), name="campaign-retry"),
    path("campaigns/<int:pk>/uncertain/", deciding.Uncertain.as_view(), name="campaign-uncertain"),
    path("campaigns/<int:pk>/pause/", moves.pause, name="campaign-pause"),
    path("campaigns/<int:pk>/resume/", moves.resume, name="campaign-resume"),
    path("campaigns/<int:pk>/cancel/", moves.Cancel.as_view(), name="campaign-cancel"),
    path("campaigns/<int:pk>/duplicate/", moves.duplicate, name="campaign-duplicate"),
    path("campaigns/<int:pk>/archive/", moves.archive, name="campaign-archive"),
    path("campaigns/<int:pk>/unarchive/", moves.unarchive, name="campaign-unarchive"),
    path("campaigns/<int:pk>/follow-up/", moves.follow_up, name="campaign-follow-up"),
    path("campaigns/<int:pk>/report/", report.CampaignReport.as_view(), name="campaign-report"),
    path("campaigns/<int:pk>/report/progress/", report.progress, name="campaign-progress"),
    path("campaigns/<int:pk>/report/people/<slug:outcome>/", report.OutcomePeople.as_view(), name="campaign-people"),
    path("campaigns/<int:pk>/report/by/<slug:trait>/", breakdown.by_trait, name="campaign-breakdown"),
    path("campaigns/<int:pk>/report/deliveries/file/", breakdown.deliveries_file, name="campaign-deliveries-file"),
    path("campaigns/<int:pk>/report/deliveries/", report.DeliveryList.as_view(), name="campaign-deliveries"),
]
