"""A register of numbers: rows that nobody opens, as many as a test wants, in a moment."""

from datetime import date, datetime, timedelta
from itertools import count

from schemas.entropy import uuid4, uuid7
from schemas.identity import DocumentType, PersonIdentity
from service.context import Node
from service.registry.people import Contact, NewPerson, seal_columns
from service.registry.tables import Arrival, Departure, Person
from service.verification.tables import VerificationRequest

TOWN, VILLAGE, HILLS = "790303001", "790303002", "790303101"
HOME, PAPER, FAR = "790101", "790202", "790404"
_numbers = count(1)


class Rows:
    """Makes rows for one node; what is not said is as it mostly is."""

    def __init__(self, node: Node, *, sealed: bool = False) -> None:
        """``sealed``: with a name and a key of their own, for jobs that open people."""
        self.node, self.sealed = node, sealed
        self.made: list[object] = []

    def person(self, area: str, **changes: object) -> str:
        now, number = self.node.now(), next(_numbers).to_bytes(4, "big")
        person = Person(
            **{
                "id": uuid7(now, self.node.entropy),
                "area": area,
                "wrapped_key": b"",
                "identity": b"",
                "contact": b"",
                "address": b"",
                "document_index": number,
                "name_birth_index": number,
            }
            | changes
        )
        if self.sealed:
            key = self.node.vault.new_person_key()
            born = date(1990, 1, 1 + next(_numbers) % 28)
            identity = PersonIdentity(name=f"某{next(_numbers)}", document_type=DocumentType.NONE, date_of_birth=born)
            person.wrapped_key = key.wrapped
            new = NewPerson(identity, Contact(None, None), None, "zh-CN")
            for column, value in seal_columns(self.node, person.id, key.key, new).items():
                setattr(person, column, value)
        self.made.append(person)
        return person.id

    def arrive(self, how_many: int, area: str, region: str, day: str, **changes: object) -> list[Arrival]:
        moves = [
            Arrival(
                **{
                    "id": uuid7(self.node.now(), self.node.entropy),
                    "person_id": self.person(area),
                    "area": area,
                    "state": "declared",
                    "origin_region": region,
                    "arrived_on": day,
                    "journey": uuid4(self.node.entropy),
                    "registered_by": "王芳",
                    "entered_at": self.node.now(),
                }
                | changes
            )
            for _ in range(how_many)
        ]
        self.made += moves
        return moves

    def depart(self, how_many: int, area: str, region: str, day: str, **changes: object) -> None:
        self.made += [
            Departure(
                **{
                    "id": uuid7(self.node.now(), self.node.entropy),
                    "person_id": self.person(area),
                    "area": area,
                    "state": "declared",
                    "destination_region": region,
                    "departed_on": day,
                    "journey": uuid4(self.node.entropy),
                    "registered_by": "王芳",
                    "entered_at": self.node.now(),
                }
                | changes
            )
            for _ in range(how_many)
        ]

    def ask(
        self, moves: list[Arrival], peer: str, asked_at: datetime, answered_after: timedelta | None, **changes: object
    ) -> None:
        for move in moves:
            answered = asked_at + answered_after if answered_after is not None else None
            self.made.append(
                VerificationRequest(
                    **{
                        "id": uuid7(asked_at, self.node.entropy),
                        "case": uuid4(self.node.entropy),
                        "direction": "sent",
                        "peer": peer,
                        "agreement": "a",
                        "purpose": "confirm_journey",
                        "claims": "identity",
                        "urgency": "normal",
                        "state": "answered" if answered else "delivered",
                        "created_at": asked_at,
                        "delivered_at": asked_at,
                        "answered_at": answered,
                        "due_on": (asked_at + timedelta(days=14)).date(),
                        "expires_on": (asked_at + timedelta(days=28)).date(),
                        "person_id": move.person_id,
                        "record_id": move.id,
                    }
                    | changes
                )
            )

    def keep(self) -> None:
        made, self.made = self.made, []
        self.node.database.write_sync(lambda session: session.add_all(made))
