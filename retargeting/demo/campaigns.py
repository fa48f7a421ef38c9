"""The forty campaigns of the sample data, in the order in which they were sent."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.models import CampaignStatus
from retargeting.conditions.nodes import Channel
from retargeting.demo.countries import EUROPE, WITH_PHONES
from retargeting.demo.trees import (
    ANY,
    Tree,
    at_least,
    attribute,
    campaign,
    channel,
    did,
    did_not,
    group,
    interested,
    label,
    last,
    on_list,
    reachable,
    segment,
    shop,
)

PUSH, EMAIL, SMS, IN_APP = Channel.PUSH, Channel.EMAIL, Channel.SMS, Channel.IN_APP
SHOP = "https://shop.example.com"
EVERYONE = group()


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """`day` counts from today, negative in the past, and `hour` is UTC. `appeal` multiplies opens, `pull` clicks.

    `uncertain` is how many deliveries a worker that died took with it.
    """

    key: str
    name: str
    channel: Channel
    day: int
    hour: float
    labels: tuple[str, ...]
    audience: Tree
    content: dict[str, str]
    appeal: float = 1.0
    pull: float = 1.0
    status: CampaignStatus = CampaignStatus.COMPLETED
    archived: bool = False
    follow_up_of: str = ""
    uncertain: int = 0


def mail(subject: str, lines: str, button: str, path: str) -> dict[str, str]:
    """A short letter: one paragraph, one button, and a way out."""
    html = f"""<body>
  <h1>{subject.split(", {{")[0]}</h1>
  <p>Hi {{{{ first_name | default: "there" }}}},</p>
  <p>{" ".join(lines.split())}</p>
  <p><a href="{SHOP}/{path}">{button}</a></p>
  <p>Northlight, outdoor gear that lasts. <a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p>
</body>"""
    return {"subject": subject, "html": html}


def note(title: str, body: str, path: str) -> dict[str, str]:
    """A push or in-app message."""
    return {"title": title, "body": body, "link": f"{SHOP}/{path}"}


def text(words: str) -> dict[str, str]:
    return {"text": words}


EARLY = (
    CampaignPlan(
        "hello", "Hello from Northlight", EMAIL, -118, 8.5, ("newsletter",), group(reachable("email")),
        mail("A new look for Northlight", """We have redrawn our catalogue, and you are among the first to see it.
            Everything is sorted by what you do outdoors, not by what we call it in the warehouse.""",
            "Have a look", "new"),
        1.15, archived=True,
    ),
    CampaignPlan(
        "trail-launch", "Trail running collection", PUSH, -115, 16, ("product",),
        group(interested("running", "hiking", "climbing"), reachable("push")),
        note("New for the trails", "{{ first_name | default: 'Hey' }}, the trail running collection is in.", "trail"),
        1.2,
    ),
    CampaignPlan(
        "gear-1", "The gear edit: packing light", EMAIL, -112, 7, ("newsletter",), EVERYONE,
        mail("Packing light, {{ first_name | default: 'friend' }}", """Three nights, one rucksack: what our guides
            leave at home. Plus the stove test you asked for.""", "Read the gear edit", "journal/packing-light"),
    ),
    CampaignPlan(
        "wish-lists", "Wish lists have arrived", IN_APP, -109, 9, ("product",), group(reachable("in_app")),
        note("Keep it for later", "Tap the heart on anything to put it on your wish list.", "app/wish-lists"),
        pull=1.3,
    ),
    CampaignPlan(
        "spring-sale", "Spring sale", EMAIL, -105, 8, ("promo", "seasonal"), EVERYONE,
        mail("Spring sale: up to 40% off", """Shells, boots and tents of last season are 20 to 40% off until Sunday.
            {% if plan == "premium" %}As a premium member you get another 5% at the checkout.{% endif %}""",
            "See the sale", "spring-sale"),
        1.1, 1.5, uncertain=37,
    ),
    CampaignPlan(
        "spring-sale-2", "Spring sale, second chance", EMAIL, -102, 15, ("promo", "seasonal"),
        group(did_not("opened", campaign("spring-sale"))),
        mail("Two days left: up to 40% off", """In case it went under: the spring sale ends on Sunday night.
            Your size may still be there.""", "See what is left", "spring-sale"),
        0.75, 1.3, follow_up_of="spring-sale",
    ),
    CampaignPlan(
        "spring-sale-push", "Spring sale: opened, not clicked", PUSH, -101, 17, ("promo", "seasonal"),
        group(did("opened", campaign("spring-sale")), did_not("clicked", campaign("spring-sale"))),
        note("Still thinking it over?", "The spring sale ends tonight at midnight.", "spring-sale"),
        1.4, 1.3, follow_up_of="spring-sale",
    ),
    CampaignPlan(
        "flash-1", "Flash weekend", SMS, -97, 10, ("promo",),
        group(attribute("country", "one_of", WITH_PHONES)),
        text("Northlight: 24 hours, 25% off all jackets. {{ first_name | default: 'Hello' }}, your code is FLASH25."
             " shop.example.com/flash Reply STOP to opt out."),
        pull=1.3, archived=True,
    ),
    CampaignPlan(
        "gear-2", "The gear edit: first nights out", EMAIL, -93, 7, ("newsletter",), EVERYONE,
        mail("Your first night in a tent", """How to choose a pitch, what a good sleeping mat is worth, and a
            breakfast that needs one pot.""", "Read the gear edit", "journal/first-nights"),
    ),
    CampaignPlan(
        "hikes", "Weekend hikes near you", PUSH, -90, 6, ("events",),
        group(interested("hiking", "camping", "travel"), attribute("country", "one_of", EUROPE)),
        note("Free on Saturday?", "Guided hikes{% if city %} around {{ city }}{% endif %}: twelve places left.",
             "hikes"),
        1.15,
    ),
    CampaignPlan(
        "rate-order", "Rate your last order", IN_APP, -87, 11, ("survey",), group(shop("purchase", "at_least", 1, 30)),
        note("How was it?", "Two questions about your last order, {{ first_name | default: 'please' }}.", "rate"),
        pull=1.6, archived=True,
    ),
    CampaignPlan(
        "early-access", "Members: early access", EMAIL, -84, 8, ("loyalty",),
        group(attribute("plan", "one_of", ["plus", "premium"])),
        mail("You are in before everyone else", """The summer tents open to {{ plan | capitalize }} members today,
            a full week before the others. No code needed: just log in.""", "Go in", "early"),
        1.35, 1.4,
    ),
)  # fmt: skip

MIDDLE = (
    CampaignPlan(
        "gear-3", "The gear edit: rain", EMAIL, -77, 7, ("newsletter",), EVERYONE,
        mail("What waterproof really means", """Ten thousand millimetres of what? We poured, sprayed and soaked
            eleven shells so that you need not.""", "Read the gear edit", "journal/rain"),
        1.05,
    ),
    CampaignPlan(
        "opinion", "We would love your opinion", EMAIL, -70, 9, ("survey",), group(segment("engaged")),
        mail("Five questions, two minutes", """You read what we write, so you should have a say in it.
            Five questions, and a 5 voucher for each answer sheet.""", "Answer now", "survey"),
        1.2, 1.2,
    ),
    CampaignPlan(
        "summer", "Summer preview", EMAIL, -65, 8, ("promo", "seasonal"),
        group(reachable("email"), group(segment("dormant"), match="none")),
        mail("Summer is nearly packed", """Sandals that grip, hats that float, tents that breathe: the summer
            collection, with 15% off for the first week.""", "See the collection", "summer"),
        1.05, 1.3,
    ),
    CampaignPlan(
        "summer-2", "Summer preview, second chance", EMAIL, -62, 16, ("promo", "seasonal"),
        group(did_not("opened", campaign("summer"))),
        mail("15% off summer, until tomorrow", "The first week ends tomorrow, and the 15% with it.",
             "See the collection", "summer"),
        0.7, 1.2, follow_up_of="summer",
    ),
    CampaignPlan(
        "gear-4", "The gear edit: two wheels", EMAIL, -56, 7, ("newsletter",), EVERYONE,
        mail("Bikepacking without a trailer", "Bags, racks and the knot that holds everything together.",
             "Read the gear edit", "journal/two-wheels"),
        0.95,
    ),
    CampaignPlan(
        "points", "Your points expire soon", SMS, -54, 11, ("loyalty",),
        group(attribute("loyalty", "is", True), attribute("country", "one_of", WITH_PHONES)),
        text("Northlight: {{ first_name | default: 'Hello' }}, your loyalty points expire at the end of the month."
             " shop.example.com/points Reply STOP to opt out."),
        pull=1.8,
    ),
    CampaignPlan(
        "cycling", "Cycling month", PUSH, -53, 16, ("product", "events"),
        group(interested("cycling", "running", "travel"), reachable("push")),
        note("Cycling month", "A ride a week, a story a ride. Join in, {{ first_name | default: 'rider' }}.",
             "cycling"),
    ),
    CampaignPlan(
        "come-back", "Come back: 15% for you", EMAIL, -50, 9, ("winback", "promo"), group(segment("dormant")),
        mail("It has been a while, {{ first_name | default: 'friend' }}", """We have not seen you for some weeks.
            Here is 15% off anything, and a promise to write less.""", "Take the 15%", "back"),
        0.7, 1.1,
    ),
    CampaignPlan(
        "size-advisor", "Meet the size advisor", IN_APP, -48, 10, ("product",), group(reachable("in_app")),
        note("The right size, first time", "Tell the size advisor what fits you, and it tells you what will.", "size"),
    ),
    CampaignPlan(
        "come-back-push", "Come back: last reminder", PUSH, -47, 17, ("winback",),
        group(did_not("opened", campaign("come-back"))),
        note("15% is waiting", "Your voucher is good until Sunday.", "back"),
        0.7, follow_up_of="come-back",
    ),
    CampaignPlan(
        "mid-season", "Mid-season sale", EMAIL, -43, 8, ("promo", "seasonal"), EVERYONE,
        mail("Mid-season sale: 30% off 400 things", """Every jacket, every pair of boots, every tent with a
            yellow tag. {% if loyalty %}Your points count twice this week.{% endif %}""", "See the sale",
            "mid-season"),
        1.1, 1.5, uncertain=12,
    ),
    CampaignPlan(
        "mid-season-2", "Mid-season sale, second chance", EMAIL, -40, 15, ("promo", "seasonal"),
        group(did_not("opened", campaign("mid-season")), last("opened", ANY, "less_than_ago", 60)),
        mail("Still 30% off, but not for long", "The yellow tags come off on Sunday at midnight.",
             "See what is left", "mid-season"),
        0.75, 1.2, follow_up_of="mid-season",
    ),
)  # fmt: skip

RECENT = (
    CampaignPlan(
        "gear-5", "The gear edit: repairs", EMAIL, -35, 7, ("newsletter",), EVERYONE,
        mail("Mend it before you replace it", "Seams, zips and soles: three repairs you can do at the kitchen table.",
             "Read the gear edit", "journal/repairs"),
        1.1,
    ),
    CampaignPlan(
        "free-month", "Premium for a month, free", EMAIL, -29, 9, ("promo", "loyalty"),
        group(attribute("plan", "is", "basic"), at_least(1, "opened", channel("email"), 60)),
        mail("A month of premium, on us", """You read along often enough: try premium for a month.
            It ends by itself if you do nothing.""", "Start the month", "premium"),
        1.1, 1.4,
    ),
    CampaignPlan(
        "flash-2", "Flash weekend, round two", SMS, -25, 10, ("promo",),
        group(attribute("country", "one_of", WITH_PHONES), reachable("sms")),
        text("Northlight: 25% off all boots until Sunday. Your code is BOOTS25, {{ first_name | default: 'hello' }}."
             " shop.example.com/flash Reply STOP to opt out."),
        pull=1.2,
    ),
    CampaignPlan(
        "gear-6", "The gear edit: reading maps", EMAIL, -21, 7, ("newsletter",), EVERYONE,
        mail("When the phone is flat", "Contours, compasses and why north is not always up.",
             "Read the gear edit", "journal/maps"),
    ),
    CampaignPlan(
        "checkout", "Checkout in one tap", IN_APP, -17, 10, ("product",),
        group(reachable("in_app"), attribute("plan", "one_of", ["basic", "plus"])),
        note("One tap less", "Save your address once and pay with one tap.", "app/checkout"),
    ),
    CampaignPlan(
        "collection", "New season collection", PUSH, -12, 16, ("product", "seasonal"), group(reachable("push")),
        note("The new season is here", "112 new things, {{ first_name | default: 'friend' }}. Start with the red one.",
             "new-season"),
        1.15,
    ),
    CampaignPlan(
        "weekend-sale", "Weekend sale", EMAIL, -8, 8, ("promo",), EVERYONE,
        mail("This weekend only: 20% off everything", "From Friday to Sunday, no code, no small print.",
             "See the sale", "weekend"),
        1.1, 1.5, uncertain=23,
    ),
    CampaignPlan(
        "weekend-sale-2", "Weekend sale: last call", PUSH, -6, 15, ("promo",),
        group(did_not("opened", campaign("weekend-sale")), reachable("push")),
        note("Ends tonight", "20% off everything, until midnight.", "weekend"),
        0.9, status=CampaignStatus.CANCELED, follow_up_of="weekend-sale",
    ),
    CampaignPlan(
        "double-points", "Double points week", EMAIL, -1, 9, ("loyalty", "promo"),
        group(
            attribute("loyalty", "is", True), at_least(2, "opened", label("promo", "loyalty"), 90), on_list("vip"),
            match="any",
        ),
        mail("Double points, all week", "Every order counts twice until Sunday, {{ first_name | default: 'friend' }}.",
             "Start collecting", "points"),
        1.2, 1.3, status=CampaignStatus.PAUSED,
    ),
)  # fmt: skip

SCHEDULED = CampaignStatus.SCHEDULED
DRAFT = CampaignStatus.DRAFT

AHEAD = (
    CampaignPlan(
        "gear-7", "The gear edit: winter is a place", EMAIL, 2, 7, ("newsletter",), EVERYONE,
        mail("Winter is a place, not a season", "Where to find snow, and what to wear when you do.",
             "Read the gear edit", "journal/winter"),
        status=SCHEDULED,
    ),
    CampaignPlan(
        "free-month-2", "Premium for a month, reminder", PUSH, 3, 16, ("promo", "loyalty"),
        group(did("opened", campaign("free-month")), did_not("clicked", campaign("free-month"))),
        note("Your free month", "{{ first_name | default: 'Hey' }}, premium for a month is still yours.", "premium"),
        status=SCHEDULED, follow_up_of="free-month",
    ),
    CampaignPlan(
        "fair", "See you at the outdoor fair", EMAIL, 6, 8, ("events",), group(on_list("fair"), reachable("email")),
        mail("Hall 4, stand 17", "Come by for coffee and bring your oldest jacket: we mend one thing each, free.",
             "Plan your visit", "fair"),
        status=SCHEDULED,
    ),
    CampaignPlan(
        "weekend-sale-3", "Weekend sale: opened, not clicked", PUSH, 0, 0, ("promo",),
        group(did("opened", campaign("weekend-sale")), did_not("clicked", campaign("weekend-sale"))),
        note("Changed your mind?", "One more day, just for you: 20% with the code ONEMORE.", "weekend"),
        status=DRAFT, follow_up_of="weekend-sale",
    ),
    CampaignPlan(
        "carts", "Carts of the week", EMAIL, 0, 0, ("promo",),
        group(segment("left-cart"), group(did("bounced", channel("email")), match="none")),
        mail("Your cart is getting cold", "We kept it for you. Shipping is free until Friday.",
             "To your cart", "cart"),
        status=DRAFT,
    ),
    CampaignPlan(
        "sleepers", "Sleepers: one last try", SMS, 0, 0, ("winback",),
        group(
            did_not("opened", label("newsletter", "promo")),
            group(shop("purchase", "at_least", 1, 90), attribute("lifetime_value", "at_least", 100), match="any"),
            attribute("country", "one_of", WITH_PHONES),
        ),
        text("Northlight: shall we stop writing? Reply YES to stay, STOP to leave."),
        status=DRAFT,
    ),
    CampaignPlan("untitled", "Untitled campaign", IN_APP, 0, 0, (), EVERYONE, {}, status=DRAFT),
)  # fmt: skip

SENT = (*EARLY, *MIDDLE, *RECENT)
CAMPAIGNS = (*SENT, *AHEAD)
