"""The story that Tonglu exists for, played through the JSON API of two real nodes.

Each step acts as an officer or the person would, then reads back from *both* nodes what became of it. A
step that does not come out as it should raises `StepFailed` with what was seen instead.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.demo import journey, services
from service.demo.api import ApiError
from service.demo.scene import Facts, StepFailed, Story


@dataclass(frozen=True)
class Step:
    """One step: its title in Chinese and in English, and what it does. It returns what was read back, by region."""

    zh: str
    en: str
    play: Callable[[Story], dict[str, Facts]]


STEPS = (
    Step("青禾登记两人外出", "青禾 registers two departures", journey.register_at_home),
    Step("澜江导入流入台账", "澜江 imports its ledger of arrivals", journey.import_ledger),
    Step("告知、登记同意", "Give notice, record consents", journey.give_notice),
    Step("请青禾核实：完全相符，自动答复", "Ask 青禾: an exact match is answered by itself", journey.automatic_answer),
    Step("再请核实一人：由青禾工作人员答复", "Ask about another: an officer of 青禾 answers", journey.officers_answer),
    Step("双方都有对方签名的回执", "Both nodes hold each other's signed receipts", journey.both_hold_receipts),
    Step("流入和流出都已确认，同一行程", "Arrival and departure are confirmed: one journey", journey.journey_confirmed),
    Step("没有节点的云台：同一请求打印成函", "云台 has no node: the same request as a letter", journey.letter),
    Step("本人要求每季度提醒", "The person asks for quarterly reminders", services.reminders_wanted),
    Step("凭证：签发、送达、离线核验", "A certificate: issued, delivered home, verified offline", services.certificate),
    Step("发送批次：发出一条提醒", "The reminder run sends one reminder", services.reminder_sent),
    Step("本人打开自己的页面，看到谁看过", "The person opens their own page and sees who looked", services.own_page),
    Step("访问记录验证无误", "The access log verifies", services.log_verifies),
)


def play(story: Story, tell: Callable[[int, Step, dict[str, Facts]], None]) -> None:
    """Play every step in order; `tell` is called after each with what was read back.

    Raises:
        StepFailed: a step did not come out; its message names the step and what was seen.
    """
    for number, step in enumerate(STEPS, start=1):
        try:
            facts = step.play(story)
        except (ApiError, StepFailed, KeyError) as error:
            raise StepFailed(f"{number} {step.zh} · {step.en}: {error}") from error
        tell(number, step, facts)
