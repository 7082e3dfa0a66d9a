"""What the register that replaces the Excel file keeps besides: one function for each room."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    officers()
    registry()
    search()
    ledgers()
    work_items()
    reports()
    federation()


def officers() -> None:
    pass


def registry() -> None:
    pass


def search() -> None:
    pass


def ledgers() -> None:
    pass


def work_items() -> None:
    pass


def reports() -> None:
    pass


def federation() -> None:
    pass
