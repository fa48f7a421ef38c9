"""Where the short links of text messages lead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.core.signing import BadSignature

from retargeting.messaging import languages, links, variants
from retargeting.messaging.journeys import journeys_of, properties_for
from retargeting.messaging.liquid import TemplateError
from retargeting.messaging.models import Dispatch
from retargeting.messaging.rendering import destination, values_for
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Profile


class Followed(NamedTuple):
    recipient: Recipient
    url: str


def follow(code: str) -> Followed:
    """Whose link it is and where it leads them now. Raises BadSignature for a link that we have not made.

    Values in the address are those of today; for somebody who was erased meanwhile, none.
    """
    recipient, signature = links.read_code(code)
    dispatch = Dispatch.objects.filter(pk=recipient.dispatch_id).select_related("orchestration").first()
    if dispatch is None:
        raise BadSignature("there is no such message")
    texts = list(_texts(dispatch))
    link = links.signed(recipient, signature, (link for text in texts for link in links.cut(text["text"]).links))
    text = next(text for text in texts if link in links.cut(text["text"]).links)
    person = Profile.objects.filter(pk=recipient.profile_id).first()
    values = values_for(
        person.attributes if person else {},
        person.external_id if person else "",
        person.language if person else "",
        dispatch.orchestration.name,
        properties_for(journeys_of(dispatch, [recipient.profile_id])).get(recipient.profile_id, {}),
    )
    try:
        return Followed(recipient, destination(text, link, values))
    except TemplateError:
        # It could be filled in when it was sent; a value has changed so that it cannot be any more.
        return Followed(recipient, destination({}, link.partition("{")[0], {}))


def _texts(dispatch: Dispatch) -> Iterator[dict[str, str]]:
    """All that it says, in every language."""
    for content in [dispatch.content, *variants.contents(dispatch).values()]:
        settings = {key: value for key, value in languages.default(content).items() if key != "text"}
        for _, words in languages.each(content):
            if words.get("text"):
                yield {**settings, **words}
