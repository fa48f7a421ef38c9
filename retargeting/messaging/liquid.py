"""Liquid templates: parsing with an error that says where, and filling in within limits.

The language evaluates no code of ours; the limits keep a template from running away with a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, RenderContext, is_undefined
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import LiquidError, UndefinedError

from retargeting.messaging.simple import filler


class Limited(Environment):
    loop_iteration_limit = 10_000
    output_stream_limit = 500_000  # bytes
    local_namespace_limit = 200_000
    context_depth_limit = 20


class StrictOutput(OutputNode):
    """Writes a value that must be there: without one, and without a default for it, it is an error."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        expression = self.expression
        assert isinstance(expression, FilteredExpression)
        if all(filter.name != "default" for filter in expression.filters or ()):
            value = expression.left.evaluate(context)
            if value is None or value == "" or is_undefined(value):
                raise UndefinedError(f"{expression.left} has no value", token=self.token)
        return super().render_to_output(context, buffer)


class StrictTag(Output):
    node_class = StrictOutput


def _environment(*, html: bool, strict: bool) -> Limited:
    environment = Limited(autoescape=html)
    if strict:
        environment.add_tag(StrictTag)
    return environment


ENVIRONMENTS = {
    (html, strict): _environment(html=html, strict=strict) for html in (False, True) for strict in (False, True)
}


class TemplateError(ValueError):
    """A template that cannot be parsed or filled in; the message is for whoever wrote it."""


@lru_cache(maxsize=512)
def parse(source: str, *, html: bool = False, strict: bool = False) -> BoundTemplate:
    """The compiled template. Raises TemplateError."""
    try:
        return ENVIRONMENTS[html, strict].from_string(source)
    except LiquidError as error:
        raise TemplateError(_words(error)) from error
    except RecursionError:
        raise TemplateError("the template is nested too deeply") from None


def fill(source: str, values: Mapping[str, Any], *, html: bool = False, strict: bool = False) -> str:
    """`source` with `values` filled in; what has no value is empty, with `strict` an error. Raises TemplateError."""
    if "{" not in source:
        return source
    if (simple := filler(source, html=html, strict=strict)) is not None and (text := simple(values)) is not None:
        return text
    try:
        return parse(source, html=html, strict=strict).render(values)
    except LiquidError as error:
        raise TemplateError(_words(error)) from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Filters meet values of any type in people's attributes, and not every one of them checks what it gets.
        raise TemplateError(f"the template could not be filled in: {error}") from error


def _words(error: LiquidError) -> str:
    context = error.context() if error.token is not None else None
    line = context[0] if context else None
    text = str(error.message or error).split("\n")[0]
    return f"line {line}: {text}" if line else text
