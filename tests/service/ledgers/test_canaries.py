"""What must not be kept is nowhere: canaries in every dropped cell, looked for in all that a node writes."""

import csv
import io
import logging
import zipfile
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy

from service.ledgers.importing import register_all, take_in
from service.ledgers.queries import ledger_view
from service.ledgers.report import document, workbook
from service.ledgers.undoing import undo_all
from service.migrations.metadata import all_tables
from service.web.languages import Languages

VECTORS = Path(__file__).parents[2] / "vectors" / "ledgers"
CANARY = "金丝雀Canary"
DROPPED = {
    "arrivals-township.xlsx": (
        "序号",
        "性别",
        "民族",
        "婚姻状况",
        "流入原因",
        "子女数",
        "避孕节育措施",
        "孕检情况",
        "备注",
    ),
    "departures-county.csv": ("编号", "户籍乡镇", "三查时间", "是否已婚"),
}
FORBIDDEN = (VECTORS / "forbidden-headers.txt").read_text("utf-8").splitlines()
"""Headers of what must not be kept, and of other people's data; one a line."""
READ = ("姓名", "公民身份号码", "户籍地", "现住址", "流入日期", "手机号")
PERSON = ("吴强华", "790202196807145976", "云台县杨柳乡", "临港街道5村21号", "2025-02-08", "13830166131")


@pytest.fixture
def with_canaries(tmp_path):
    """Write a sample anew with a canary of its own in each cell of a dropped column."""

    def write(name):
        path = tmp_path / name
        if name.endswith(".csv"):
            lines = list(csv.reader(io.StringIO((VECTORS / name).read_bytes().decode("gb18030"))))
            for number, line in enumerate(lines[1:]):
                for column in (lines[0].index(header) for header in DROPPED[name]):
                    line[column] = f"{CANARY}{number}-{column}"
            text = io.StringIO()
            csv.writer(text).writerows(lines)
            path.write_bytes(text.getvalue().encode("gb18030"))
            return path
        book = openpyxl.load_workbook(VECTORS / name)
        sheet = book.worksheets[0]
        columns = [cell.column for cell in sheet[3] if cell.value in DROPPED[name]]
        assert len(columns) == len(DROPPED[name])
        for line in range(5, sheet.max_row + 1):
            if sheet.cell(line, 4).value or sheet.cell(line, 2).value:
                for column in columns[1:] if sheet.cell(line, 1).value == "合计" else columns:
                    sheet.cell(line, column).value = f"{CANARY}{line}-{column}"
        book.save(path)
        return path

    return write


def everything(node):
    """All that the node's database holds, as bytes; of SQLite the raw files, too, log and all."""
    database_url = node.settings.database
    engine = sqlalchemy.create_engine(database_url.replace("sqlite:///", "sqlite+pysqlite:///"))
    found = []
    with engine.connect() as connection:
        for table in all_tables().tables.values():
            for row in connection.execute(sqlalchemy.select(table)):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    engine.dispose()
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        found += [part.read_bytes() for part in path.parent.glob(path.name + "*")]
    # The sealed rows of uploads are opened here, as nobody else can.
    for import_id, number, sealed in node.database.read_sync(
        lambda session: session.execute(sqlalchemy.text("select import_id, number, sealed from ledger_batch")).all()
    ):
        found.append(node.vault.open_secret(f"ledger_batch.sealed:{import_id}:{number}", bytes(sealed)))
    return found


@pytest.fixture
def import_and_gather(node, officer, caplog):
    """Import a ledger for good and give all the bytes that are left of it anywhere."""
    caplog.set_level(logging.DEBUG)
    return lambda path: gathered(node, officer, path, caplog)


def gathered(node, officer, path, caplog):
    import_id = take_in(node, path, None, by=officer)
    register_all(node, import_id, by=officer)
    view = node.database.read_sync(lambda session: ledger_view(session, node, import_id, by=officer))
    translator = Languages().translator("zh-CN")
    report = workbook(view.rows, view.kind, [column.field for column in view.kept], view.dropped, translator)
    found = everything(node)
    with zipfile.ZipFile(io.BytesIO(report)) as unpacked:
        found += [unpacked.read(member) for member in unpacked.namelist()]
    pieces = document(view.rows, view.kind, view.kept, view.dropped, translator.gettext, counts=view.counts, more={})
    found.append("".join(pieces).encode())
    found.append(caplog.text.encode())
    undo_all(node, import_id, by=officer)
    return view, b"\x00".join([*found, *everything(node)])


def forms(text):
    return [text.encode(), text.encode("gb18030"), text.encode("utf-16-le"), ascii(text).strip("'").encode()]


@pytest.mark.parametrize("name", DROPPED)
def test_no_cell_of_a_sample_s_dropped_columns_is_anywhere(import_and_gather, with_canaries, name):
    path = with_canaries(name)
    view, found = import_and_gather(path)
    assert view.dropped == DROPPED[name]
    assert view.registered == 277
    assert not [form for form in forms(CANARY) if form in found]


@pytest.mark.parametrize("kind", ["workbook", "text"])
def test_no_cell_under_a_forbidden_header_is_anywhere(import_and_gather, make_workbook, make_text, kind):
    head = [*FORBIDDEN[:20], *READ[:3], *FORBIDDEN[20:], *READ[3:]]
    cells = [f"{CANARY}{n}" for n in range(len(FORBIDDEN))]
    line = [*cells[:20], *PERSON[:3], *cells[20:], *PERSON[3:]]
    path = make_workbook([head, line]) if kind == "workbook" else make_text(f"{','.join(head)}\n{','.join(line)}\n")
    view, found = import_and_gather(path)
    assert len(FORBIDDEN) >= 100
    assert view.dropped == tuple(FORBIDDEN)
    assert view.registered == 1
    assert not [form for form in forms(CANARY) if form in found]


def test_the_canary_would_be_found_where_it_is_kept(import_and_gather, make_text):
    # Of a row without a name the cells are kept to be handed back; of a good one nothing but the sealed person.
    text = f"{','.join(READ)}\n,{','.join(PERSON[1:])}{CANARY}\n"
    _, found = import_and_gather(make_text(text))
    assert [form for form in forms(CANARY) if form in found]
