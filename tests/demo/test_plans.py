"""What is written down by hand: content, trees, names, telephone numbers."""

import re

import pytest

from campaigns.models import CampaignStatus
from retargeting.conditions import codec
from retargeting.conditions.nodes import Channel
from retargeting.demo.campaigns import AHEAD, CAMPAIGNS, SENT, CampaignPlan
from retargeting.demo.catalogue import AUTOMATIONS, LABELS, SEGMENTS
from retargeting.demo.countries import COUNTRIES
from retargeting.demo.runs import in_order
from retargeting.demo.trees import resolved
from retargeting.messaging import content


class AnyKey(dict):
    def __missing__(self, key):
        return 1


@pytest.mark.parametrize("plan", CAMPAIGNS, ids=lambda plan: plan.key)
def test_every_campaign_has_content_and_an_audience_that_the_product_takes(plan: CampaignPlan):
    ready = plan.status != CampaignStatus.DRAFT
    assert content.check(plan.channel, plan.content, complete=ready) == []
    codec.decode(resolved(plan.audience, AnyKey()))
    assert set(plan.labels) <= set(LABELS)


def test_there_are_forty_campaigns_in_every_state_and_on_every_channel():
    assert len(CAMPAIGNS) == len({plan.key for plan in CAMPAIGNS}) == len({plan.name for plan in CAMPAIGNS}) == 40
    assert {plan.channel for plan in SENT} == set(Channel)
    assert {plan.status for plan in CAMPAIGNS} == set(CampaignStatus) - {CampaignStatus.RUNNING}


def test_sent_campaigns_are_told_in_order_and_follow_earlier_ones():
    assert list(SENT) == in_order(SENT)
    assert all(plan.day < 0 for plan in SENT)
    keys = [plan.key for plan in CAMPAIGNS]
    assert all(keys.index(plan.follow_up_of) < keys.index(plan.key) for plan in CAMPAIGNS if plan.follow_up_of)
    assert all(plan.day > 0 for plan in AHEAD if plan.status == CampaignStatus.SCHEDULED)


def test_segments_are_valid_and_name_only_earlier_ones():
    for _, tree in SEGMENTS.values():
        codec.decode(resolved(tree, AnyKey()))


def test_steps_depend_on_steps_of_their_own_automation_only():
    for plan in AUTOMATIONS:
        keys = [step.key for step in plan.steps]
        assert len(set(keys)) == len(keys)
        assert all(step.unless in keys[:number] for number, step in enumerate(plan.steps) if step.unless)


def test_shares_of_the_countries_make_a_hundred_and_no_number_is_given_twice():
    assert sum(country.share for country in COUNTRIES) == 100
    phones = [phone for country in COUNTRIES for phone in country.phones()]
    assert len(phones) == len(set(phones))
    assert all(re.fullmatch(r"\+[1-9]\d{7,14}", phone) for phone in phones)
