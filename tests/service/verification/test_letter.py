"""The letter to a region without a node, opened again and read."""

from datetime import UTC, date, datetime

import pypdfium2
import zxingcpp

from schemas.claims import Claim
from schemas.identity import DocumentType, PersonIdentity
from service.verification.letter import CLAIMS, DOCUMENTS, WORDS, Letter, letter_pdf
from tests.service.conftest import add_account, connect, sign_in_as

PAPER = "790202"
HAN = {
    "name": "欧阳𬱖",
    "document_type": "resident_id",
    "document_number": "790101199003071230",
}


async def test_the_question_is_printed_and_its_code_leads_back(app, client, password_hash):
    node = app.state.node
    second = add_account(node, password_hash, "李伟")
    answer = await client.post("/api/v1/peers", json={"region": PAPER, "name": "云台县", "paper": True})
    assert answer.status_code in (200, 201), answer.text
    agreement = await client.post(
        "/api/v1/agreements", json={"peer": PAPER, "document_reference": "澜江函〔2026〕12号"}
    )
    async with connect(app, sign_in_as(node, second)) as witness:
        signed = await witness.post(f"/api/v1/agreements/{agreement.json()['id']}/sign")
        assert signed.status_code == 200, signed.text
    body = {
        "person": HAN,
        "origin_region": PAPER,
        "arrived_on": "2026-09-01",
        "notice": {"version": "2026-11", "way": "spoken", "given_at": "2026-11-23T01:00:00Z"},
        "consents": [{"purpose": f"share_with_peer:{PAPER}", "way": "paper", "witness": "李伟"}],
    }
    arrived = (await client.post("/api/v1/arrivals", json=body)).json()
    asked = await client.post(
        "/api/v1/verifications",
        json={
            "person_id": arrived["person_id"],
            "peer": PAPER,
            "claims": ["identity", "departure_declared"],
            "purpose": "confirm_journey",
        },
    )
    assert asked.status_code == 201, asked.text
    path = f"/api/v1/verifications/{asked.json()['id']}/letter.pdf"
    printed = await client.get(path)
    assert (printed.status_code, printed.headers["content-type"]) == (200, "application/pdf")
    text, codes, pages = _read(printed.content)
    assert pages == 1
    for part in (
        "云台县", "澜江市", "澜江函〔2026〕12号", "欧阳𬱖", "790101199003071230", "1990-03-07", "2026-12-07",
        "未查到", "no record", "已在贵处申报外出来我处", "签字、盖章",
    ):  # fmt: skip
        assert part in text, part
    assert codes == {asked.json()["id"]}
    assert (await client.get(f"/api/v1/verifications/{arrived['person_id']}/letter.pdf")).status_code == 404
    async with connect(app) as anyone:
        assert (await anyone.get(path)).status_code == 401


def test_every_word_claim_and_document_has_both_languages():
    assert set(CLAIMS) == set(Claim)
    assert set(DOCUMENTS) == set(DocumentType)
    for text in (*CLAIMS.values(), *WORDS.values(), *DOCUMENTS.values()):
        assert text.zh
        assert text.en.isascii()


def test_a_person_without_a_document_is_asked_about_all_the_same():
    person = PersonIdentity(name="刘一", document_type=DocumentType.NONE, document_number=None, date_of_birth=None)
    letter = Letter(
        reference="01a20621-ad00-7000-bbc3-9575c20c023f",
        asked_by="澜江市",
        asked="云台县",
        person=person,
        claims=tuple(Claim),
        purpose="correct_record",
        agreement_reference=None,
        consented_on=date(2026, 11, 2),
        due_on=date(2026, 12, 7),
        made_at=datetime(2026, 11, 23, 2, tzinfo=UTC),
    )
    text, codes, _ = _read(letter_pdf(letter))
    assert "无证件 No document" in text
    assert "证件号码" not in text
    assert codes == {letter.reference}


def _read(content):
    with pypdfium2.PdfDocument(content) as document:
        text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
        codes = {one.text for one in zxingcpp.read_barcodes(document[0].render(scale=4).to_pil())}
        return text, codes, len(document)
