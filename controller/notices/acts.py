"""An act by its name: what the API and the pages call."""

from __future__ import annotations

from controller.inventory.resources import find_resource
from controller.notices import drafts, office, orders
from controller.notices.bodies import Drafted, ItemAct, LetterAct, NewDraft, NewItem
from controller.notices.desk import Desk
from controller.notices.model import DraftItem
from controller.problems import Problem

LETTER_ACTS = ("review", "sign", "return", "register", "cancel", "close", "send_again")
ORDERS = ("order_stop", "order_recover", "order_shrink")
ITEM_ACTS = ("drop", "grant_keep", *office.DECISIONS, "claim", "force", *ORDERS)


def draft(desk: Desk, body: NewDraft) -> Drafted:
    """Letters from verdicts and from named resources. Raises NotFound, Problem 422."""
    items = drafts.items_of(desk.session, desk.scope, body.verdicts)
    items += [_item(desk, each) for each in body.items]
    made = drafts.from_items(desk, items)
    drafts.write_audit(desk, made)
    return Drafted(codes=made.codes, skipped=made.skipped)


def _item(desk: Desk, given: NewItem) -> DraftItem:
    resource = find_resource(desk.session, desk.scope, given.resource, desk.now)
    return DraftItem(
        resource_id=resource.id,
        cls=given.cls,
        reason=given.reason,
        evidence=given.evidence,
        policy=given.policy,
        policy_clause=given.policy_clause,
        coverage_pct=given.coverage_pct,
        window_days=given.window_days,
        recommendation=given.recommendation,
        as_of=given.as_of,
    )


def letter(desk: Desk, code: str, body: LetterAct) -> None:
    """Raises NotFound, Problem 409, 422."""
    match body.act:
        case "review":
            office.review(desk, code, body.person, body.note)
        case "sign":
            office.sign(desk, code, body.person, body.note)
        case "return":
            office.send_back(desk, code, body.note)
        case "register":
            office.register(desk, code, body.number, body.dated)
        case "cancel":
            office.cancel(desk, code, body.note)
        case "close":
            office.close(desk, code, body.note)
        case "send_again":
            office.send_again(desk, code)
        case _:
            raise Problem(422, "unknown act", f"{body.act!r}: one of {', '.join(LETTER_ACTS)}")


def item(desk: Desk, code: str, item_id: int, body: ItemAct) -> None:
    """Raises NotFound, Problem 409, 422."""
    match body.act:
        case "drop":
            office.drop(desk, code, item_id, body.note)
        case "grant_keep":
            office.grant_keep(desk, code, item_id, body.person, body.until, body.note)
        case "claim":
            office.claim(desk, code, item_id, body.unit, body.note)
        case "force":
            office.force(desk, code, item_id, body.person, body.note)
        case "order_stop" | "order_recover" | "order_shrink":
            orders.order(desk, code, item_id, body.act.removeprefix("order_"))
        case act if act in office.DECISIONS:
            office.decide(desk, code, item_id, act, body.note)
        case _:
            raise Problem(422, "unknown act", f"{body.act!r}: one of {', '.join(ITEM_ACTS)}")
