"""What the holder gets on paper: a slip of A6 in both languages, and the code on it.

Slip and code show what the holder chose to disclose and no more; the sentence that showing it is the holder's choice
stands on every slip.
"""

import io
from datetime import datetime

import segno

from schemas.certificates import Disclosable, DisclosedClaims
from service.certificates import sd_jwt
from service.certificates.actions import CertificateView
from service.web.languages import Languages
from service.web.pdf import Both, Line, Sheet
from service.web.words import word

QR_SIDE_MM = 58

TITLE = Both("健康服务参加凭证", "Proof of an attended health service")
CHOICE = Both(
    "是否出示由您决定；任何人不得因没有凭证而拒绝提供服务。本凭证不含任何检查结果。",
    "Showing it is your choice; nobody may refuse a service for lack of it. It holds no result.",
)
HOW = Both(
    "扫码后可在任一地区的“凭证核验”页面核验，无需登录，不留记录。",
    "Any region's check page verifies the code, without sign-in.",
)


def qr_svg(text: str) -> str:
    """The certificate's QR code as SVG, with its quiet zone; a screen or a printer scales it."""
    out = io.BytesIO()
    segno.make_qr(text, error="m", boost_error=False).save(
        out, kind="svg", scale=4, border=4, xmldecl=False, svgns=True, light="#fff", title=None, omitsize=True
    )
    return out.getvalue().decode()


def slip_pdf(view: CertificateView, issuer: str, made_at: datetime, languages: Languages) -> bytes:
    """The slip of one certificate; ``issuer`` is the issuing region's name."""
    disclosed = DisclosedClaims.model_validate(
        {name: value for name, value in sd_jwt.reveal(sd_jwt.parse(view.text)).items() if name in set(Disclosable)}
    )
    lines = [
        Line(Both("开具地区", "Issued by"), issuer),
        Line(Both("季度", "Quarter"), str(view.quarter)),
        Line(Both("参加日期", "Attended on"), view.attended_on.isoformat()),
        Line(Both("有效期至", "Valid until"), view.valid_until.isoformat()),
    ]
    if disclosed.name is not None:
        lines.insert(0, Line(Both("姓名", "Name"), disclosed.name))
    if disclosed.date_of_birth is not None:
        lines.append(Line(Both("出生日期", "Date of birth"), disclosed.date_of_birth.isoformat()))
    if disclosed.kind is not None:
        msgid = word("certificate_kind", disclosed.kind)
        lines.append(Line(Both("项目", "Service"), f"{languages.translator('zh-CN').gettext(msgid)} {msgid}"))
    sheet = Sheet("A6", TITLE, made_at)
    sheet.lines(lines)
    sheet.qr(view.text, QR_SIDE_MM)
    sheet.small(CHOICE)
    sheet.small(HOW)
    return sheet.to_bytes()
