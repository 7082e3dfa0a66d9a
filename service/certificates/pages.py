"""A person's certificates: the list, issuing one, one with its code, the print view, suspend, resume, revoke.

They are live only inside the opened person (rule 4): no page lists people by certificate.
"""

from datetime import date
from typing import Final

from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from schemas.certificates import Disclosable
from schemas.claims import CertificateKind
from schemas.problems import LocalError
from schemas.quarters import Quarter
from service.certificates import actions, queries
from service.certificates.rules import IssueDraft
from service.certificates.sealed import Held
from service.certificates.slip import qr_svg
from service.context import CurrentNode, Node
from service.idempotency import form_once
from service.officers.doors import PageOfficer
from service.registry.pages_frame import PersonHead, person_head
from service.web.flash import Done
from service.web.forms import Form, sent_form
from service.web.languages import N_
from service.web.templating import pages_of

router = APIRouter(include_in_schema=False)

CHANGES: Final[dict[str, tuple[Held, str]]] = {
    "suspend": ("suspended", "certificate_suspended"),
    "resume": ("issued", "certificate_resumed"),
    "revoke": ("revoked", "certificate_revoked"),
}
SHOWN: Final = {
    "kind": N_("The service"),
    "name": N_("The name"),
    "date_of_birth": N_("The date of birth"),
}


@router.get("/people/{person_id}/certificates")
async def certificates_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """The certificates issued here to one person."""
    head, issued = await node.database.write(
        lambda session: (
            person_head(session, node, person_id, by=officer),
            queries.certificates_of(session, node, person_id, by=officer),
        )
    )
    return pages_of(request).render(
        request,
        "certificates/list.html",
        head=head,
        current_tab=f"/people/{person_id}/certificates",
        certificates=issued,
    )


@router.get("/people/{person_id}/certificates/new")
async def new_page(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Ask what was attended and when; nothing is disclosed unless the holder wants it."""
    head = await node.database.write(lambda session: person_head(session, node, person_id, by=officer))
    today = node.today()
    form = Form.of(attended_on=today.strftime("%Y%m%d"), valid_until=_half_a_year_on(today).strftime("%Y%m%d"))
    return _form_page(request, head, form)


@router.post("/people/{person_id}/certificates")
async def issue(request: Request, node: CurrentNode, officer: PageOfficer, person_id: str) -> Response:
    """Issue the certificate."""
    form = await sent_form(request)
    kind = form.choice("kind", [str(one) for one in CertificateKind])
    attended, until = form.date("attended_on"), form.date("valid_until")
    if form.ok and attended and until:
        draft = IssueDraft(
            kind=CertificateKind(kind),
            quarter=Quarter.of(date.fromisoformat(attended)),
            attended_on=date.fromisoformat(attended),
            valid_until=date.fromisoformat(until),
            disclose=frozenset(one for one in Disclosable if form.has("disclose", one)),
        )
        try:
            made = await form_once(
                node,
                officer,
                form.key,
                form.typed | {"person": [person_id]},
                lambda session: actions.issue_certificate(session, node, person_id, draft, by=officer).id,
            )
        except LocalError as error:
            form.take(error, refused_here(error))
        else:
            path = f"/people/{person_id}/certificates/{made}"
            return pages_of(request).see_other(request, path, Done("certificate_issued"))
    head = await node.database.write(lambda session: person_head(session, node, person_id, by=officer))
    return _form_page(request, head, form, status=422)


@router.get("/people/{person_id}/certificates/{certificate_id}")
async def certificate_page(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, certificate_id: str
) -> Response:
    """One certificate with its code."""
    return await _one(
        request, node, officer, person_id=person_id, certificate_id=certificate_id, template="certificates/one.html"
    )


@router.get("/people/{person_id}/certificates/{certificate_id}/print")
async def print_page(
    request: Request, node: CurrentNode, officer: PageOfficer, person_id: str, certificate_id: str
) -> Response:
    """The slip as a page to print, in both languages."""
    return await _one(
        request, node, officer, person_id=person_id, certificate_id=certificate_id, template="certificates/print.html"
    )


@router.post("/people/{person_id}/certificates/{certificate_id}/{change}")
async def change(
    request: Request, node: CurrentNode, officer: PageOfficer, *, person_id: str, certificate_id: str, change: str
) -> Response:
    """Suspend, resume or revoke; the status list says so at once."""
    path = f"/people/{person_id}/certificates/{certificate_id}"
    if change == "deliver":
        await node.database.write(
            lambda session: actions.deliver_certificate(session, node, person_id, certificate_id, by=officer)
        )
        return pages_of(request).see_other(request, path, Done("certificate_delivered"))
    held, done = CHANGES.get(change, (None, ""))
    if held is None:
        return pages_of(request).see_other(request, path)
    wanted = held
    await node.database.write(
        lambda session: actions.change_certificate(session, node, person_id, certificate_id, wanted, by=officer)
    )
    return pages_of(request).see_other(request, path, Done(done))


def refused_here(error: LocalError) -> dict[str, str]:
    """Where a refusal without a field of its own is shown: at the field that the error names, if any."""
    return {"": str(error.facts.get("field", ""))}


async def _one(
    request: Request, node: Node, officer: PageOfficer, *, person_id: str, certificate_id: str, template: str
) -> Response:
    printing = template.endswith("print.html")

    def read(session: Session) -> tuple[PersonHead, actions.CertificateView]:
        query = queries.printed_certificate if printing else queries.certificate_of
        head = person_head(session, node, person_id, by=officer)
        return head, query(session, node, person_id, certificate_id, by=officer)

    head, view = await node.database.write(read)
    return pages_of(request).render(
        request,
        template,
        head=head,
        current_tab=f"/people/{person_id}/certificates",
        certificate=view,
        qr=qr_svg(view.text),
        shown=[SHOWN[str(one)] for one in view.shown],
        printed_on=node.today(),
    )


def _form_page(request: Request, head: PersonHead, form: Form, *, status: int = 200) -> Response:
    return pages_of(request).render(
        request,
        "certificates/new.html",
        status=status,
        head=head,
        current_tab=f"/people/{head.id}/certificates",
        form=form,
        kinds=list(CertificateKind),
        disclosable=SHOWN,
    )


def _half_a_year_on(day: date) -> date:
    quarter = Quarter.of(day).next().next()
    return quarter.last_day
