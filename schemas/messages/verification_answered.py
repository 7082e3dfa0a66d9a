"""`tonglu.verification.answered.v1` and `tonglu.verification.corrected.v1`: one word a claim."""

from typing import Annotated

from pydantic import Field

from schemas.claims import AnswerWord, Claim
from schemas.messages.base import MessageData
from schemas.wire import Uuid, WireBool, WireTime

Answers = Annotated[dict[Claim, AnswerWord], Field(min_length=1, max_length=len(Claim))]
"""One word for each claim that was asked."""


class VerificationAnswered(MessageData):
    """The answer to a request; `automatic` says that no officer decided it."""

    case: Uuid
    answers: Answers
    automatic: WireBool
    answered_at: WireTime
    supersedes: Uuid | None = None


class VerificationCorrected(VerificationAnswered):
    """A later answer to the same request; `supersedes` is the message id of the one it corrects."""
