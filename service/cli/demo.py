"""`tonglu demo`: two paired nodes with invented people on this machine."""

import json
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from service.demo.scene import Story
    from service.demo.stage import Stage
    from service.demo.story import Step

app = typer.Typer()


@app.command("demo")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story once, print each step, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when ready, then run.")] = False,
) -> None:
    """Run two paired nodes with invented people: 澜江市 (port 8801) and 青禾县 (port 8802)."""
    from service.demo.scene import StepFailed
    from service.demo.stage import Stage, StageError
    from service.demo.story import play

    signal.signal(signal.SIGTERM, _as_interrupt)
    with tempfile.TemporaryDirectory(prefix="tonglu-demo-") as directory:
        try:
            with Stage(Path(directory)) as stage:
                if as_json:
                    typer.echo(json.dumps(stage.described(), ensure_ascii=False))
                    signal.pause()
                elif once:
                    _play_once(stage)
                else:
                    play(_story(stage), _quietly)
                    _welcome(stage)
                    signal.pause()
        except (StageError, StepFailed) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            typer.echo("\n已停止 · stopped", err=True)


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _story(stage: "Stage") -> "Story":
    from service.demo.scene import Story
    from service.demo.stage import HERE, HOME

    here, home = stage.signed_in(HERE), stage.signed_in(HOME)
    wording = str(here.get("/notices/current")["version"])
    return Story(stage, stage.today(), here, home, consent_wording=wording)


def _play_once(stage: "Stage") -> None:
    from service.demo.story import play

    typer.echo(f"两个节点已就绪 · two nodes are ready: {', '.join(n.base_url for n in stage.nodes.values())}")
    play(_story(stage), _tell)
    typer.echo("\n全部完成 · the whole story came out as it should")


def _tell(number: int, step: "Step", facts: dict[str, dict[str, Any]]) -> None:
    from service.demo.stage import HERE, HOME, NAMES

    typer.echo(f"\n{number:2}. {step.zh}\n    {step.en}")
    for region in (HERE, HOME):
        typer.echo(f"    {NAMES[region]} {region}: {json.dumps(facts.get(region, {}), ensure_ascii=False)}")


def _quietly(number: int, step: "Step", _facts: dict[str, dict[str, Any]]) -> None:
    typer.echo(f"{number:2}. {step.zh} · {step.en}")


def _welcome(stage: "Stage") -> None:
    from service.demo.stage import NAMES

    typer.echo("\n两个节点已就绪，人物均为虚构 · two nodes are ready; everyone in them is invented")
    for node in stage.nodes.values():
        typer.echo(
            f"\n  {NAMES[node.region]} {node.region}   {node.base_url}\n"
            f"    用户名 · name      {node.officer}\n"
            f"    密码 · password    {node.password}"
        )
    typer.echo(f"\n  提醒邮件 · mails   {stage.mail_directory}\n\n按 Ctrl-C 停止 · press Ctrl-C to stop")
