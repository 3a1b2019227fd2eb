"""Who may charge: id tags that are presented at a charger (OCPP 1.6 §4.1)."""

from typing import Any

from ..link import Answer
from ..model import TagInfo
from ..tags import TagUse
from . import fields
from .desk import Desk, Handler
from .fields import Payload

TAG_LENGTH = 20


def tag_info(info: TagInfo) -> dict[str, Any]:
    """Return the `idTagInfo` of an answer or of a list (OCPP 1.6 §7.27)."""
    payload = {"status": str(info.decision)}
    if info.expires is not None:
        payload["expiryDate"] = fields.iso(info.expires)
    if info.group is not None:
        payload["parentIdTag"] = info.group
    return payload


class TagMessages:
    """Answers Authorize."""

    def __init__(self, desk: Desk) -> None:
        """Bind a charger's desk."""
        self._desk = desk

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return who answers which OCPP action."""
        return {
            "Authorize": self._authorize,
        }

    async def _authorize(self, payload: Payload) -> Answer:
        tag = fields.required_text(payload, "idTag", TAG_LENGTH)
        info = self._desk.decide(tag, TagUse.AUTHORIZE)
        return Answer(payload={"idTagInfo": tag_info(info)})
