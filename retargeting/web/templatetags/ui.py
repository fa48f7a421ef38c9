"""The small parts pages are made of. Each tag's template says what it shows; see templates/web/."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField, widgets
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from retargeting.web import charts
from retargeting.web.wording import compact_number, grouped_number, ratio_text, time_ago

register = template.Library()

# What the faces of the four channels are, everywhere: word, icon, and a colour class of the same name.
CHANNELS = {
    "push": ("Push", "bell"),
    "email": ("Email", "mail"),
    "sms": ("SMS", "message"),
    "in_app": ("In-app", "device-mobile"),
}

# Every status of anything that has one: its tone and its icon. The word comes from the caller.
STATUSES = {
    "draft": ("quiet", "pencil"),
    "uploaded": ("warning", "pencil"),
    "scheduled": ("accent", "calendar"),
    "preparing": ("accent", "loader-2"),
    "running": ("accent", "player-play"),
    "sending": ("accent", "send"),
    "paused": ("warning", "player-pause"),
    "completed": ("good", "circle-check"),
    "sent": ("good", "check"),
    "stopped": ("quiet", "player-stop"),
    "canceled": ("quiet", "ban"),
    "archived": ("quiet", "archive"),
    "skipped": ("quiet", "arrow-right"),
    "retry": ("warning", "refresh"),
    "uncertain": ("warning", "help-circle"),
    "failed": ("danger", "alert-circle"),
    "enabled": ("good", "circle-check"),
    "disabled": ("warning", "circle-x"),
    "subscribed": ("good", "check"),
    "unsubscribed": ("quiet", "bell-off"),
    "suppressed": ("danger", "ban"),
}


@cache
def _drawing(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise template.TemplateSyntaxError(f"{name!r} is no name of an icon")
    path = settings.BASE_DIR / "static" / "icons" / f"{name}.svg"
    try:
        return path.read_text().strip().removeprefix("<svg ")
    except FileNotFoundError:
        raise template.TemplateSyntaxError(f"There is no icon {name!r} in static/icons") from None


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """The drawing itself, hidden from screen readers: the word beside it says what it means."""
    return format_html('<svg aria-hidden="true" class="icon {}" ', css) + mark_safe(_drawing(name))  # noqa: S308 - our own file


@register.filter
def number(value: Any) -> str:
    """1234567 → 1,234,567; a dash for nothing known."""
    return grouped_number(value)


@register.filter
def compact(value: Any) -> str:
    """1234567 → 1.2 M, for where a glance is enough."""
    return compact_number(value)


@register.simple_tag
def rate(part: Any, whole: Any) -> str:
    """{% rate 198 1000 %} → 19.8 %; a dash when there is nothing to compare with."""
    return ratio_text(part, whole)


@register.filter
def points(value: float) -> str:
    """1.2 → +1.2 pt: a difference between two rates."""
    return f"{value:+.1f} pt".replace("-", "−")


@register.filter
def signed(value: int) -> str:
    """1200 → +1,200: a number against an earlier one."""
    return f"{value:+,}".replace("-", "−") if value else "±0"


@register.filter
def signed_percent(value: float) -> str:
    """12 → +12 %: a number against an earlier one."""
    return f"{value:+,.0f} %".replace("-", "−")


@register.filter
def attribute_value(value: Any) -> str:
    """What programs stored about a person, as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(attribute_value(item) for item in value) or "–"
    return "–" if value is None or value == "" else str(value)


@register.simple_tag
def relative_time(moment: datetime | None) -> SafeString | str:
    """“3 hours ago” with the exact time as title, in the reader's own zone."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        local.strftime("%-d %b %Y, %H:%M:%S %Z"),
        time_ago(moment, timezone.now()),
    )


@register.inclusion_tag("web/channel_badge.html")
def channel_badge(channel: Any, text: str = "") -> dict[str, Any]:
    name, drawing = CHANNELS.get(str(channel), (str(channel), "circle"))
    return {"channel": str(channel), "icon": drawing, "text": text or name}


@register.simple_tag
def channel_name(channel: Any) -> str:
    return CHANNELS.get(str(channel), (str(channel), ""))[0]


@register.simple_tag
def channel_icon(channel: Any) -> SafeString:
    """The channel's icon in its colour; say the word beside it."""
    return icon(CHANNELS.get(str(channel), ("", "circle"))[1], f"channel-{channel}")


@register.inclusion_tag("web/label_badge.html")
def label_badge(label: Any, url: str = "") -> dict[str, Any]:
    return {"label": label, "url": url}


@register.inclusion_tag("web/status_badge.html")
def status_badge(status: Any, text: str = "") -> dict[str, Any]:
    tone, drawing = STATUSES.get(str(status), ("quiet", "circle"))
    return {"tone": tone, "icon": drawing, "text": text or str(status).replace("_", " ").capitalize()}


@register.inclusion_tag("web/empty_state.html")
def empty_state(icon: str, title: str, text: str = "", url: str = "", action: str = "") -> dict[str, Any]:
    return {"icon": icon, "title": title, "text": text, "url": url, "action": action}


@register.inclusion_tag("web/stat_card.html")
def stat_card(label: str, value: str, detail: str = "", url: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "detail": detail, "url": url}


@register.inclusion_tag("web/definition_list.html")
def definition_list(rows: list[tuple[str, Any]]) -> dict[str, Any]:
    return {"rows": rows}


@register.inclusion_tag("web/sparkline.html")
def sparkline(values: list[float], summary: str, css: str = "") -> dict[str, Any]:
    return {"line": charts.line(values), "summary": summary, "css": css}


@register.inclusion_tag("web/bar_chart.html")
def bar_chart(chart: charts.BarChart) -> dict[str, Any]:
    return {"chart": chart, "drawing": chart.drawing()}


@register.inclusion_tag("web/trend.html")
def trend(chart: charts.Trend) -> dict[str, Any]:
    return {"chart": chart, "drawing": chart.drawing()}


@register.inclusion_tag("web/meter.html")
def meter(part: Any, whole: Any, css: str = "") -> dict[str, Any]:
    """A thin bar that shows a share; the numbers stand beside it."""
    share = 100 * float(part or 0) / float(whole) if whole else 0
    return {"width": f"{min(max(share, 0), 100):.2f}", "css": css}


@register.simple_block_tag
def menu(content: str, text: str = "", label: str = "More", drawing: str = "dots", end: bool = True) -> SafeString:
    """{% menu "Actions" %}<a class="menu-item" …>…</a>{% endmenu %}: a drop-down that needs no JavaScript.

    Without `text` the button is the icon `drawing` alone, and `label` is what it is called.
    """
    name = format_html(' aria-label="{}" title="{}"', label, label) if not text else ""
    css = "btn btn-ghost" if text else "btn btn-icon btn-ghost"
    face = format_html("{}{}", text, icon("chevron-down")) if text else icon(drawing)
    return format_html(
        '<details class="menu{}"><summary class="{}"{}>{}</summary><div class="menu-panel">{}</div></details>',
        " menu-end" if end else "",
        css,
        name,
        face,
        content,
    )


@register.simple_tag(takes_context=True)
def sort_header(context: template.Context, key: str, text: str, css: str = "") -> SafeString:
    """A `th` that sorts the list by `key` (one of the view's `sorts`), and the other way round on a second click."""
    current = context.get("sort", "")
    following = f"-{key}" if current == key else key
    state = {key: "ascending", f"-{key}": "descending"}.get(str(current))
    query = _changed_query(context, sort=following, page=None)
    mark = icon("chevron-up" if current == key else "chevron-down") if state else icon("selector")
    return format_html(
        '<th scope="col" class="{}"{}><a class="sort" href="?{}" hx-get="?{}" hx-target="#list"'
        ' hx-swap="outerHTML show:none" hx-push-url="true">{}{}</a></th>',
        css,
        format_html(' aria-sort="{}"', state) if state else "",
        query,
        query,
        text,
        mark,
    )


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """The page's query with some of it changed: {% with_query page=3 %}; None takes one out."""
    return _changed_query(context, **changes)


def _changed_query(context: template.Context, **changes: Any) -> str:
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return query.urlencode()


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field's control, dressed by what kind of control it is."""
    widget = field.field.widget
    if isinstance(widget, widgets.CheckboxInput | widgets.CheckboxSelectMultiple | widgets.RadioSelect):
        css = "form-check-input"
    elif isinstance(widget, widgets.Select):
        css = "form-select"
    else:
        css = "form-control"
    attrs: dict[str, str | bool] = {
        "class": " ".join(filter(None, [widget.attrs.get("class"), css, "is-invalid" if field.errors else ""]))
    }
    return field.as_widget(attrs=attrs)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    return isinstance(field.field.widget, widgets.CheckboxInput)


@register.filter
def pages(page: Any) -> list[int | str]:
    """The page numbers to offer around this one, with gaps."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))
