"""Of a ledger only the mapped columns are read: what else it says is nowhere, however it came in.

Through a node that serves: ledgers with canaries under forbidden headers in spellings that no list knows, in remarks,
titles, comments, a second sheet, the workbook's properties and the file's own name, by HTTP and by command; then every
byte that the node wrote or said is searched: database file and WAL (or PostgreSQL's rows), all files of its directory,
temporary files, the process log, answers, reports, error texts, and all that was sealed (see `glass_node.py`).
"""

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import openpyxl
import psycopg
import pytest
import sqlalchemy
from openpyxl.comments import Comment

from schemas.identity import resident_id_check_digit
from tests.acceptance.processes import ProcessNode, Refused, free_ports, request, sign_in

GLASS = Path(__file__).with_name("glass_node.py")
CANARY = "金丝雀Canary"
READ = {
    "姓名": "吴强华",
    "公民身份号码": "790202196807145976",
    "户籍地": "云台县杨柳乡",
    "现住址": "临港街道5村21号",
    "流入日期": "2025-02-08",
    "手机号": "13830166131",
}
OTHERS = (("蒋春阳", "79020219750312418"), ("邵一鸣", "79020219881123041"))
UNSEEN = (
    # Chinese, as somebody might write them tomorrow
    "性别(男/女)",
    "所属民族",
    "婚姻情况（已/未/离/丧）",
    "初婚日期",
    "配偶姓名",
    "配偶身份证号码",
    "配偶联系电话",
    "子女姓名",
    "现有孩子几个",
    "最小孩子出生日期",
    "是否在孕",
    "孕周数",
    "末次月经日期",
    "预产期",
    "环孕检日期",
    "B超结果",
    "采取何种节育措施",
    "有无二孩意愿",
    "信教与否",
    "政治身份",
    "健康体检结论",
    "患何种慢性病",
    "紧急联系人及电话",
    "随迁人员姓名",
    "工作单位及职务",
    "房东姓名",
    "房东电话",
    "备 注 ②",
    "情况说明",
    "网格员印象",
    "照片编号",
    "重点关注标记",
    # English
    "Gender (M/F)",
    "Ethnic-Group",
    "Marital_Status*",
    "Spouse Name",
    "Spouse ID No.",
    "Spouse Phone",
    "No. of Children",
    "Child's Date of Birth",
    "Is Pregnant?",
    "LMP Date",
    "Due Date (EDD)",
    "IUD Since",
    "Contraceptive used",
    "Faith / Belief",
    "Party Membership",
    "Test Result",
    "Emergency Contact Phone",
    "Guardian Name",
    "Remarks (2)",
    "Notes:",
    "Tag",
    "Photo No.",
)


def forms(text: str) -> list[bytes]:
    """How a text may look in a file: encodings, JSON's and Python's escapes, and bytes as PostgreSQL shows them."""
    plain = [text.encode(), text.encode("gb18030"), text.encode("utf-16-le"), text.encode("utf-16-be")]
    escaped = [ascii(text)[1:-1].encode(), json.dumps(text)[1:-1].encode()]
    return [*plain, *escaped, *(one.hex().encode() for one in plain)]


def people() -> list[dict[str, str]]:
    whole = [(name, stem + resident_id_check_digit(stem)) for name, stem in OTHERS]
    return [READ, *(READ | {"姓名": name, "公民身份号码": number} for name, number in whole)]


def rows(prefix: str) -> list[list[str]]:
    """A header and three people; each cell under a header that must not be read is a canary of its own."""
    head = [*UNSEEN[:20], *list(READ)[:3], *UNSEEN[20:], *list(READ)[3:]]
    lines = [
        [person.get(header, f"{CANARY}-{prefix}-{number}-{place}") for place, header in enumerate(head)]
        for number, person in enumerate(people())
    ]
    return [head, *lines]


def as_text(prefix: str, *, head: list[str] | None = None) -> bytes:
    lines = rows(prefix)
    out = io.StringIO()
    csv.writer(out).writerows([head or lines[0], *lines[1:]])
    return out.getvalue().encode("gb18030")


def as_workbook(prefix: str) -> bytes:
    """The same as a workbook, with canaries in every other place where people write something down."""
    book = openpyxl.Workbook()
    book.properties.creator = book.properties.title = book.properties.description = f"{CANARY}-{prefix}-properties"
    sheet = book.active
    sheet.append([f"{CANARY}-{prefix}-title"])
    sheet.append([f"备注：{CANARY}-{prefix}-note"])
    for line in rows(prefix):
        sheet.append(line)
    sheet.append(["填表人", f"{CANARY}-{prefix}-signature"])
    sheet.cell(4, 21).comment = Comment(f"{CANARY}-{prefix}-comment", f"{CANARY}-author")
    sheet.column_dimensions["A"].hidden = True
    other = book.create_sheet("育龄妇女")
    other.append(["姓名", "备注"])
    other.append(["无名", f"{CANARY}-{prefix}-second-sheet"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def multipart(name: str, content: bytes, fields: dict[str, str]) -> tuple[bytes, str]:
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode())
    return b"".join([*parts, content, f"\r\n--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


class Watched:
    """A node that serves through a vault of glass, and every byte that came out of it so far."""

    def __init__(self, node: ProcessNode, temporary: Path) -> None:
        self.node, self.temporary = node, temporary
        self.sealed = node.directory.parent / "sealed.bin"
        self.glass = (sys.executable, str(GLASS), str(self.sealed))
        self.said: list[bytes] = []
        self.token = ""

    def command(self, *arguments: str) -> str:
        done = self.node.command(*arguments, python=self.glass)
        self.said += [done.stdout.encode(), done.stderr.encode()]
        return done.stdout

    def ask(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> bytes:
        try:
            answer = request(
                method,
                f"{self.node.base_url}{path}",
                body,
                token=self.token,
                content_type=content_type,
                key=str(uuid4()),
            )
        except Refused as refused:
            answer = refused.body
        self.said.append(unpacked(answer))
        return answer

    def upload(self, name: str, content: bytes, **fields: str) -> dict[str, object]:
        body, content_type = multipart(name, content, {"kind": "arrivals", **fields})
        told: dict[str, object] = json.loads(self.ask("POST", "/api/v1/ledgers", body, content_type))
        return told

    def everything(self) -> bytes:
        """All that the node stored, printed, answered and sealed."""
        places = [self.node.directory, self.temporary]
        files = [path for place in places for path in sorted(place.rglob("*")) if path.is_file()]
        found = [unpacked(path.read_bytes()) for path in [*files, self.node.log, self.sealed]]
        found += [str(path).encode() for path in files]
        return b"\x00".join([*found, *self.said, *stored(self.node.settings["TONGLU_DATABASE_URL"])])


def unpacked(content: bytes) -> bytes:
    """A workbook's members side by side; anything else as it is."""
    if not content.startswith(b"PK\x03\x04"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return b"\x00".join(archive.read(name) for name in archive.namelist())


def stored(database_url: str) -> Iterator[bytes]:
    """The database itself: SQLite's file, log and index; PostgreSQL's rows as text, bytes in hex."""
    url = sqlalchemy.make_url(database_url)
    if url.drivername.startswith("sqlite"):
        path = Path(str(url.database))
        for part in sorted(path.parent.glob(f"{path.name}*")):
            yield part.read_bytes()
        return
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            for (row,) in connection.execute(f'SELECT t::text FROM "{name}" t').fetchall():
                yield row.encode()


@pytest.fixture
def watched(tmp_path, new_database_url):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    settings = {"TONGLU_DATABASE_URL": new_database_url(empty=True), "TMPDIR": str(temporary)}
    node = ProcessNode(tmp_path / "node", "790303", free_ports(1)[0], settings)
    one_time = node.initialise("澜江市")
    seen = Watched(node, temporary)
    node.start(*seen.glass, "serve", str(node.directory))
    try:
        node.await_ready()
        seen.token = sign_in(node, "first", one_time)
        yield seen
    finally:
        node.end()


@pytest.mark.asvs("14.2.1", "14.2.4")
def test_canaries_under_unseen_headers_and_in_every_remark_are_nowhere(watched):
    assert len(UNSEEN) >= 30
    folder = watched.temporary.parent
    by_command = folder / f"{CANARY}-file-name.xlsx"
    by_command.write_bytes(as_workbook("command"))
    broken = folder / "broken.csv"
    broken.write_bytes(as_text("broken", head=[f"{CANARY}-header-{n}" for n in range(len(UNSEEN) + len(READ))]))

    # By HTTP: a preview that is thrown away, one that is committed, the report, a list, and refusals of all kinds.
    preview = watched.upload(f"{CANARY}-file-name.csv", as_text("http"), dry_run="true")
    assert preview["counts"]["ok"] == 3, preview
    assert sorted(preview["dropped_columns"]) == sorted(UNSEEN)
    assert {column["header"] for column in preview["kept_columns"]} == set(READ)
    booked = watched.upload(f"{CANARY}-again.xlsx", as_workbook("http-workbook"), dry_run="true")
    assert booked["counts"]["ok"] == 3, booked
    watched.ask("POST", f"/api/v1/ledgers/{booked['id']}/commit", {})
    watched.ask("GET", f"/api/v1/ledgers/{booked['id']}/report.xlsx")
    watched.ask("GET", f"/api/v1/ledgers/{booked['id']}")
    watched.ask("GET", "/api/v1/ledgers")
    twice = watched.upload("again.csv", as_text("twice"), dry_run="false")
    assert twice["counts"]["duplicate"] == 3, twice
    watched.ask("GET", f"/api/v1/ledgers/{twice['id']}/report.xlsx")
    refused = watched.upload("x.xlsx", b"PK\x03\x04" + CANARY.encode() * 50)
    assert refused["type"] == "/problems/ledger_unreadable", refused
    refused = watched.upload("broken.csv", broken.read_bytes())
    assert refused["type"] == "/problems/ledger_unreadable", refused
    watched.ask("GET", "/api/v1/arrivals")
    watched.ask("GET", "/api/v1/access-log")

    # By command: dry, for good, with a report, and a file that is no ledger.
    directory = str(watched.node.directory)
    for more in (["--dry-run"], []):
        report = folder / "node" / f"report{len(more)}.xlsx"
        told = json.loads(
            watched.command(
                "ledger",
                "import",
                directory,
                str(by_command),
                "--kind",
                "arrivals",
                "--json",
                "--report",
                str(report),
                *more,
            )
        )
        assert told["counts"]["duplicate"] == 3, told
        assert sorted(told["dropped_columns"]) == sorted(UNSEEN)
    assert watched.command("ledger", "import", directory, str(broken), "--kind", "arrivals") == ""

    before_it_ends = watched.everything()
    watched.node.end()
    found = before_it_ends + watched.everything()
    canaries = [form for form in forms(CANARY) if form in found]
    places = [found[max(0, found.index(form) - 200) : found.index(form) + 200] for form in canaries]
    assert not canaries, places

    # The search itself: what is kept is found by it, sealed and said alike.
    assert READ["姓名"].encode() in found
    assert watched.sealed.read_bytes().count(READ["姓名"].encode()) > 0
    assert "婚姻情况（已/未/离/丧）".encode() in found, "dropped columns are named"
