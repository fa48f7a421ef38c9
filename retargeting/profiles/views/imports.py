"""A file on its way to a list: upload, choose the column, watch it run, and download what was rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import cached_property
from django.utils.http import content_disposition_header
from django.views import View
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import FormView

from retargeting.accounts.permissions import actor_of
from retargeting.profiles import actions
from retargeting.profiles.forms import ImportForm, UploadForm
from retargeting.profiles.imports import files
from retargeting.profiles.imports.reading import NAMES, FileError
from retargeting.profiles.models import ImportStatus, ListImport, ProfileList
from retargeting.web.access import WriterRequiredMixin, can_write, check_writer, writer_required

SHOWN_ROWS = 5
SHOWN_REJECTIONS = 10
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}


class Upload(WriterRequiredMixin, FormView):
    form_class = UploadForm
    template_name = "profiles/upload.html"

    @cached_property
    def list(self) -> ProfileList:
        return get_object_or_404(ProfileList, pk=self.kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(list=self.list, **kwargs)

    def form_valid(self, form: UploadForm) -> HttpResponse:
        file = form.cleaned_data["file"]
        try:
            list_import = actions.upload_file(
                actor=actor_of(self.request),
                profile_list=self.list,
                name=file.name,
                pieces=file.chunks(files.PIECE),
            )
        except FileError as error:
            form.add_error("file", str(error))
            return self.form_invalid(form)
        self.success_url = reverse("import", args=[list_import.pk])
        return super().form_valid(form)


class ImportPage(View):
    """One address for the whole way of a file; while it runs, its card asks for itself anew."""

    @cached_property
    def list_import(self) -> ListImport:
        return get_object_or_404(ListImport.objects.select_related("list", "created_by"), pk=self.kwargs["pk"])

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        if self.list_import.status == ImportStatus.UPLOADED:
            rows = files.sample(self.list_import)
            return self.ask(rows, ImportForm(list_import=self.list_import, rows=rows))
        htmx = getattr(request, "htmx", None)
        polled = htmx is not None and bool(htmx) and htmx.target == "progress"
        if polled and self.list_import.status != ImportStatus.RUNNING:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        context = {
            "import": self.list_import,
            "encoding": NAMES.get(self.list_import.encoding, ""),
            "rejections": self.list_import.rejections.all()[:SHOWN_REJECTIONS],
        }
        response = render(request, f"profiles/import{'_progress' if polled else ''}.html", context)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        check_writer(request.user)
        if self.list_import.status == ImportStatus.UPLOADED:
            rows = files.sample(self.list_import)
            form = ImportForm(request.POST, list_import=self.list_import, rows=rows)
            if not form.is_valid():
                return self.ask(rows, form)
            self.start({"put_back": False, **form.cleaned_data})
        else:
            messages.warning(request, f"The upload of {self.list_import} was started or canceled already.")
        return HttpResponseRedirect(reverse("import", args=[pk]))

    def start(self, chosen: dict[str, Any]) -> None:
        try:
            actions.start_import(actor=actor_of(self.request), list_import=self.list_import, **chosen)
        except (actions.ImportMoved, FileError) as error:
            messages.warning(self.request, str(error))

    def ask(self, rows: list[list[str]], form: ImportForm) -> HttpResponse:
        context = {
            "import": self.list_import,
            "form": form,
            "encoding": NAMES[self.list_import.encoding],
            "delimiter": DELIMITER_NAMES[self.list_import.delimiter],
            "rows": rows[:SHOWN_ROWS],
            "editable": can_write(self.request.user),
        }
        return render(self.request, "profiles/import_choice.html", context)


@require_POST
@writer_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    list_import = get_object_or_404(ListImport.objects.select_related("list"), pk=pk)
    try:
        actions.cancel_import(actor=actor_of(request), list_import=list_import)
    except actions.ImportMoved as error:
        messages.warning(request, str(error))
        return HttpResponseRedirect(reverse("import", args=[pk]))
    messages.success(request, f"Canceled the upload of {list_import}. The list is as it was.")
    return HttpResponseRedirect(reverse("list", args=[list_import.list_id]))


@require_safe
def rejected(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The report of rejected lines, as a file that is written while it is downloaded."""
    list_import = get_object_or_404(ListImport, pk=pk)

    def lines() -> Iterator[str]:
        yield "\ufeff" + files.csv_line(["line", "value", "reason"])
        for rejection in list_import.rejections.all().iterator(chunk_size=2_000):
            reason = rejection.get_reason_display()
            told = f"{reason}, {rejection.detail}" if rejection.detail else reason
            yield files.csv_line([str(rejection.line), rejection.value, told])

    name = f"rejected {list_import.file_name.rpartition('.')[0] or list_import.file_name}.csv"
    return StreamingHttpResponse(
        lines(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, name)},
    )
