"""`tonglu officer`: the accounts of the people who work at this node."""

import json
from datetime import datetime
from typing import Annotated

import typer

from service.cli.opening import AsJson, Directory, open_node

app = typer.Typer(name="officer", help="Officers' accounts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The officer's name.")]


@app.command()
def add(
    directory: Directory,
    name: Name,
    role: Annotated[
        list[str], typer.Option(help="clerk, supervisor, auditor or administrator; may be given several times.")
    ],
    area: Annotated[
        str | None, typer.Option(help="The division whose records they see; the whole region if left out.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Add an officer and print the one-time password, which is shown this once."""
    from service.officers.actions import add_officer
    from service.officers.passwords import FirstPassword
    from service.officers.rules import Role, parse_roles

    if unknown := set(role) - set(Role):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: one of {', '.join(Role)}", param_hint="--role")
    roles = parse_roles(role)
    with open_node(directory) as node:
        made = FirstPassword.one_time(node.entropy)
        until = node.database.write_sync(
            lambda session: add_officer(session, node, name, roles, area=area, password=made)
        ).astimezone(node.settings.zone)
    tell_password(name, made.told, until, as_json=as_json)


@app.command("list")
def list_officers(directory: Directory, *, as_json: AsJson = False) -> None:
    """List all accounts."""
    from service.officers.queries import all_accounts, one_time_lapsed

    with open_node(directory) as node:
        accounts, now = node.database.read_sync(all_accounts), node.now()
    if as_json:
        shown = [
            {
                "name": account.name,
                "roles": account.roles.split(),
                "area": account.area,
                "disabled": account.disabled_at is not None,
                "must_change_password": account.must_change_password,
                "one_time_lapsed": one_time_lapsed(account, now),
            }
            for account in accounts
        ]
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for account in accounts:
        once = "lapsed one-time password" if one_time_lapsed(account, now) else "one-time password"
        state = "disabled" if account.disabled_at else once if account.must_change_password else "active"
        typer.echo(f"{account.name}\t{account.area}\t{', '.join(account.roles.split())}\t{state}")


@app.command()
def disable(directory: Directory, name: Name) -> None:
    """Shut an account out at once; it stays on the list, for the access log names it."""
    from service.officers.actions import disable_officer

    with open_node(directory) as node:
        node.database.write_sync(lambda session: disable_officer(session, node, name))


@app.command()
def reset(directory: Directory, name: Name, *, as_json: AsJson = False) -> None:
    """Give an account a new one-time password and sign it out everywhere; a disabled one is good again."""
    from service.officers.actions import reset_officer
    from service.officers.passwords import FirstPassword

    with open_node(directory) as node:
        made = FirstPassword.one_time(node.entropy)
        until = node.database.write_sync(lambda session: reset_officer(session, node, name, made)).astimezone(
            node.settings.zone
        )
    tell_password(name, made.told, until, as_json=as_json)


def tell_password(name: str, password: str, until: datetime, *, as_json: bool) -> None:
    """Print a one-time password, and until when it is good."""
    if as_json:
        told = {"officer": name, "password": password, "expires_at": until.isoformat(timespec="seconds")}
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        typer.echo(f"officer: {name}\npassword: {password}\ngood until: {until:%Y-%m-%d %H:%M}")
