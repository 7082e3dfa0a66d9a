"""From the issuing region to the person's folder at home: consent, agreement, sealed, receipted, filed, called back."""

import contextlib
import dataclasses
import json
from datetime import timedelta

import pytest
from sqlmodel import select

from federation.dispatch import prepare
from federation.outbox import find_message, frozen
from federation.peers import find_peer
from federation.tables import OutboxMessage, Receipt
from schemas.messages import CertificateDelivered
from schemas.problems import InvalidMessage, NoAgreementInForce, NoConsent, NotFound, UnknownPeer, WrongState
from service.agreements.tables import Agreement
from service.certificates import queries, receiving, sd_jwt
from service.certificates.actions import change_certificate, deliver_certificate
from service.certificates.effects import on_erased, on_withdrawn
from service.certificates.tables import ReceivedCertificate
from service.registry.tables import Person
from tests.service.own_node import HERE, HOME, arrive, leave

WANTED = f"certificate_home:{HOME}"
DELIVERED, SUSPENDED, RESUMED, REVOKED = (
    f"tonglu.certificate.{what}.v1" for what in ("delivered", "suspended", "resumed", "revoked")
)
ERASURE = "tonglu.erasure.requested.v1"


@pytest.fixture
def travelled(here, home, issue):
    """A certificate of a person who wants it at home, and their record there."""
    at_home = leave(home)
    view = issue(arrive(here, WANTED))
    return view, at_home


def test_it_travels_sealed_and_lands_in_that_persons_folder(here, home, travelled):
    view, at_home = travelled
    assert view.state == "issued"
    assert view.home_region == HOME
    (sent,) = _sent(here)
    for secret in ("韩晨曦", "790101199003071230", "general_health", "1990-03-07"):
        assert secret.encode() not in sent.body
    assert json.loads(sent.body)["purpose"] == "persons_request"
    assert "journey" not in json.loads(sent.body)["data"], "a journey's id would tie it to the person in clear"
    _take(here, home, sent)
    assert _folder(home, at_home) == []
    assert _file(home) == 1
    (received,) = _folder(home, at_home)
    assert (received.id, received.issuer, received.state) == (view.id, HERE, "delivered")
    shown = sd_jwt.reveal(sd_jwt.parse(received.text))
    assert (shown["name"], shown["kind"], shown["date_of_birth"]) == ("韩晨曦", "general_health", "1990-03-07")


def test_it_is_delivered_when_its_receipt_is_here(here, travelled):
    view, _ = travelled
    (sent,) = _leave(here)
    assert _seen(here, view.id).state == "issued"
    _receive(here, sent)
    assert _seen(here, view.id).state == "delivered"


def test_without_consent_it_stays_here(here, home, issue):
    view = issue(arrive(here))
    assert _sent(here) == []
    assert view.home_region is None
    with pytest.raises(NoConsent):
        _deliver(here, view.id)


def test_without_a_peer_or_an_agreement_it_is_issued_and_stays(here, home, issue):
    nowhere = issue(arrive(here, "certificate_home:790404"))
    assert nowhere.state == "issued"
    with pytest.raises(UnknownPeer):
        _deliver(here, nowhere.id)
    here.write(lambda session: [session.delete(row) for row in session.exec(select(Agreement)).all()])
    other = issue(arrive(here, WANTED, name="刘一", document_number="790101198502021219"))
    assert other.home_region is None
    with pytest.raises(NoAgreementInForce):
        _deliver(here, other.id)


def test_it_is_delivered_later_and_once(here, home, issue):
    person_id = arrive(here, WANTED)
    agreements = here.read(lambda session: session.exec(select(Agreement)).all())
    here.write(lambda session: [session.delete(session.get_one(Agreement, row.id)) for row in agreements])
    view = issue(person_id)
    copies = [Agreement.model_validate(row.model_dump()) for row in agreements]
    here.write(lambda session: session.add_all(copies))
    assert _deliver(here, view.id).home_region == HOME
    assert [message.type for message in _sent(here)] == [DELIVERED]
    with pytest.raises(WrongState):
        _deliver(here, view.id)


@pytest.mark.parametrize("who", ["nobody", "protected", "another number", "no journey with us", "only a name"])
def test_whoever_is_not_exactly_that_person_gets_nothing_and_nobody_can_tell(here, home, issue, who):
    at_home = _at_home(home, who)
    view = issue(arrive(here, WANTED))
    _take(here, home, _sent(here)[0])
    assert _file(home) == 1
    assert home.read(lambda session: session.exec(select(ReceivedCertificate)).all()) == []
    if at_home is not None and who != "protected":
        assert _folder(home, at_home) == []
    assert view.home_region == HOME


def test_a_repeat_changes_nothing(here, home, travelled):
    _, at_home = travelled
    (sent,) = _sent(here)
    _take(here, home, sent)
    _file(home)
    _take(here, home, sent)
    assert _file(home) == 0
    assert len(_folder(home, at_home)) == 1


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        (["suspended"], ["suspended"]),
        (["suspended", "issued"], ["suspended", "delivered"]),
        (["revoked"], ["revoked"]),
        (["suspended", "issued", "revoked"], ["suspended", "delivered", "revoked"]),
    ],
)
def test_what_becomes_of_it_is_told_at_home(here, home, travelled, changes, states):
    view, at_home = travelled
    delivered = _leave(here)[0]
    _take(here, home, delivered)
    _file(home)
    _receive(here, delivered)
    for change, state in zip(changes, states, strict=True):
        _change(here, view.id, change)
        _take(here, home, _leave(here)[-1])
        assert [one.state for one in _folder(home, at_home)] == [state]
    told = {"suspended": SUSPENDED, "issued": RESUMED, "revoked": REVOKED}
    assert [message.type for message in _sent(here)] == [DELIVERED, *(told[change] for change in changes)]


def test_a_state_that_comes_before_the_certificate_is_kept(here, home, travelled):
    view, at_home = travelled
    (delivered,) = _leave(here)
    _change(here, view.id, "revoked")
    _take(here, home, _leave(here)[-1])
    assert _file(home) == 0
    _take(here, home, delivered)
    _file(home)
    assert [one.state for one in _folder(home, at_home)] == ["revoked"]


def test_one_revoked_before_it_left_is_not_delivered_at_all(here, travelled):
    view, _ = travelled
    _change(here, view.id, "revoked")
    assert [(message.type, message.state) for message in _sent(here)] == [(DELIVERED, "cancelled")]


def test_withdrawing_cancels_what_waits(here, travelled):
    view, _ = travelled
    _withdraw(here, WANTED)
    assert [(message.type, message.state) for message in _sent(here)] == [(DELIVERED, "cancelled")]
    assert _seen(here, view.id).home_region is None


def test_withdrawing_asks_to_erase_what_has_gone(here, home, travelled):
    _, at_home = travelled
    (delivered,) = _leave(here)
    _take(here, home, delivered)
    _file(home)
    _receive(here, delivered)
    _withdraw(here, WANTED)
    asked = next(message for message in _sent(here) if message.type == ERASURE)
    ids = json.loads(asked.body)["data"]["message_ids"]
    assert ids == [delivered.id]
    assert home.write(lambda session: receiving.erase_received(session, HERE, ids)) == 1
    assert _folder(home, at_home) == []


def test_withdrawing_another_consent_calls_nothing_back(here, travelled):
    _withdraw(here, "certificate_home:790404")
    _withdraw(here, "remind:vaccination")
    assert [message.state for message in _sent(here)] == ["queued"]


def test_erasing_calls_the_copy_at_home_back(here, travelled):
    _receive(here, _leave(here)[0])
    here.clock.advance(seconds=1)
    person = here.read(lambda session: session.exec(select(Person)).one())
    here.write(lambda session: on_erased(session, here.node, person))
    assert [message.type for message in _sent(here)] == [DELIVERED, ERASURE]


def test_erasing_voids_what_has_left_unanswered_and_asks_all_the_same(here, travelled):
    _leave(here)
    here.clock.advance(seconds=1)
    person = here.read(lambda session: session.exec(select(Person)).one())
    here.write(lambda session: on_erased(session, here.node, person))
    kinds = {message.type: message.state for message in _sent(here)}
    assert kinds == {DELIVERED: "voided", "tonglu.message.voided.v1": "queued", ERASURE: "queued"}


def test_a_delivered_certificate_goes_after_its_last_day(here, home, travelled):
    _take(here, home, _sent(here)[0])
    _file(home)
    home.clock.set(home.clock.now() + timedelta(days=89))
    assert home.write(lambda session: receiving.purge(session, home.node)) == 0
    home.clock.advance(days=1)
    assert home.write(lambda session: receiving.purge(session, home.node)) == 1


@pytest.mark.parametrize("flaw", ["another's certificate", "a foreign disclosure", "an altered signature"])
def test_a_peer_can_deliver_only_what_it_signed_itself(here, home, travelled, issue, flaw):
    incoming = _incoming(here, home, _sent(here)[0])
    data = incoming.data
    assert isinstance(data, CertificateDelivered)
    if flaw == "an altered signature":
        changed = data.certificate[:-10] + ("A" if data.certificate[-10] != "A" else "B") + data.certificate[-9:]
        incoming = _replace(incoming, data=data.model_copy(update={"certificate": changed}))
    elif flaw == "a foreign disclosure":
        incoming = _replace(incoming, disclosures=(sd_jwt.disclosure("kind", "vaccination", b"0" * 16),))
    else:
        token = sd_jwt.parse(data.certificate)
        mine = sd_jwt.sign(
            token.header | {"kid": home.node.fed.keys.kid("certificate")},
            token.payload | {"iss": f"/regions/{HOME}"},
            lambda signed: home.node.fed.keys.sign("certificate", signed),
        )
        incoming = _replace(incoming, data=data.model_copy(update={"certificate": f"{mine}~"}))
    with pytest.raises(InvalidMessage):
        _deliver_incoming(home, incoming)
    assert home.read(lambda session: session.exec(select(ReceivedCertificate)).all()) == []


# --- what the tests do ------------------------------------------------------------------------------------------------


def _at_home(home, who):
    if who == "nobody":
        return None
    if who == "another number":
        return leave(home, document_number="790101199003071249")
    if who == "only a name":
        return leave(home, document_type="none", document_number=None, date_of_birth="1990-03-07")
    if who == "no journey with us":
        return leave(home, destination="790404")
    at_home = leave(home)
    home.write(lambda session: setattr(session.get_one(Person, at_home), "protection_until", home.node.today()))
    return at_home


def _sent(side):
    return side.read(lambda session: session.exec(select(OutboxMessage).order_by(OutboxMessage.number)).all())


def _leave(side):
    """Give every waiting message a number, as if a batch had carried it away."""

    def number(session):
        rows = session.exec(select(OutboxMessage).order_by(OutboxMessage.number)).all()
        for place, row in enumerate(rows, start=1):
            if row.streamseq is None and row.state == "queued":
                row.stream, row.streamseq = "0192f0c1-0000-7000-8000-00000000000a", place
                done = frozen(row.body, row.stream, place)
                row.body, row.digest = done.body, done.digest
                session.add(row)
        return rows

    return side.write(number)


def _incoming(sender, receiver, message):
    body = message.body
    if message.streamseq is None:
        body = frozen(body, "0192f0c1-0000-7000-8000-00000000000a", 1).body
    prepared = prepare(
        json.loads(body), receiver.node.fed.keys, recipient=receiver.node.fed.source, source=sender.node.fed.source
    )
    assert prepared.refusal is None, prepared.refusal
    return prepared.incoming


def _take(sender, receiver, message):
    _deliver_incoming(receiver, _incoming(sender, receiver, message))


def _deliver_incoming(receiver, incoming):
    handler = receiving.take_delivered if isinstance(incoming.data, CertificateDelivered) else receiving.take_state
    region = incoming.envelope.source_region

    def act(session):
        return handler(session, receiver.node, incoming, find_peer(session, region), receiver.clock.now())

    assert receiver.write(act) == []


def _replace(incoming, **changes):
    return dataclasses.replace(incoming, **changes)


def _file(side):
    return side.write(lambda session: receiving.file_received(session, side.node))


def _folder(side, person_id):
    return side.write(lambda session: queries.received_of(session, side.node, person_id, by=side.officer))


def _person(side):
    return side.read(lambda session: session.exec(select(Person)).first())


def _seen(side, certificate_id):
    person_id = _person(side).id
    return side.write(
        lambda session: queries.certificate_of(session, side.node, person_id, certificate_id, by=side.officer)
    )


def _change(side, certificate_id, change):
    side.clock.advance(seconds=1)
    person_id = _person(side).id
    side.write(
        lambda session: change_certificate(session, side.node, person_id, certificate_id, change, by=side.officer)
    )


def _deliver(side, certificate_id):
    """Deliver a certificate by hand, whosever it is."""
    for person in side.read(lambda session: session.exec(select(Person)).all()):
        with contextlib.suppress(NotFound):
            return side.write(
                lambda session, person=person: deliver_certificate(
                    session, side.node, person.id, certificate_id, by=side.officer
                )
            )
    raise AssertionError("nobody has this certificate")


def _withdraw(side, purpose):
    side.clock.advance(seconds=1)
    person = _person(side)
    side.write(lambda session: on_withdrawn(session, side.node, person, purpose))


def _receive(side, message):
    """The peer's receipt for a message came in."""

    def keep(session):
        find_message(session, message.id).state = "receipted"
        session.add(_receipt(message, side.clock.now()))

    side.write(keep)


def _receipt(message, now):
    return Receipt(
        message_id=message.id,
        direction="sent",
        peer=message.region,
        exchange_id="x",
        type=message.type,
        subject=message.subject,
        digest="0" * 64,
        result="accepted",
        recorded_at=now,
    )
