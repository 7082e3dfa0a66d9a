"""`tonglu.certificate.delivered.v1`: a certificate for the home region's folder of that person."""

from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from schemas.messages.base import MessageData
from schemas.wire import CompactJwe, Uuid


class CertificateDelivered(MessageData):
    """A certificate without its disclosures, which are sealed beside it.

    `certificate` is an SD-JWT with its closing `~` and no disclosure. The person is told by a journey that both
    sides know, or else by `subject_identity`; exactly one of the two is there.
    """

    certificate_id: Uuid
    certificate: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+~$", max_length=8_192)
    ]
    disclosures: CompactJwe | None = None
    journey: Uuid | None = None
    subject_identity: CompactJwe | None = None

    @model_validator(mode="after")
    def _one_way_to_the_person(self) -> Self:
        if (self.journey is None) == (self.subject_identity is None):
            raise ValueError("either journey or subject_identity")
        return self
