"""Whatever a peer can cause stands on its page, in both languages, with what to do about it."""

from datetime import timedelta

from federation.keys import NodeKeys
from federation.mock_peer import faults
from schemas.entropy import SeededEntropy
from schemas.problems import (
    ClockSkew,
    Malformed,
    NoAgreement,
    PeerSuspended,
    RateLimited,
    Unavailable,
    UnsupportedCoding,
)
from tests.service.agreements.peer_world import said_in

STRANGER = NodeKeys.generate(SeededEntropy("stranger"))
KEPT = ("goes by itself", "自动发出")
OPERATORS = ("operators of both nodes", "双方节点的运维人员")
AWAY = {"from": "2999-01-01T00:00:00Z", "to": "2999-01-02T00:00:00Z"}
SIX_WORDS = ("compare the six words", "核对六个词")

CAUSED = {
    "no_connection": (faults.reset_before_reading(), ("cannot be reached", "连不上对方节点"), KEPT),
    "timeout": (faults.timeout(), ("does not answer in time", "没有及时回应"), KEPT),
    "http_503": (faults.status(503), ("reports a fault (503)", "报告故障（503）"), KEPT),
    "http_404": (faults.status(404), ("answers in their place (404)", "代替对方作了回应（404）"), KEPT),
    "http_307": (
        faults.redirect("http://elsewhere.example/"),
        ("sends us elsewhere (307)", "转到别处（307）"),
        ("Ask their operator", "运维人员询问正确网址"),
    ),
    "bad_signature": (
        faults.wrong_signature(),
        ("not signed by the keys that we know", "签名与已知密钥不符"),
        SIX_WORDS,
    ),
    "http_401": (faults.status(401), ("does not know us", "不认识我方"), ("pair both nodes anew", "重新配对")),
    "clock_skew": (
        faults.signed_problem(ClockSkew(offset_seconds=700)),
        ("too far apart", "时钟相差过大"),
        ("Compare both clocks", "与标准时间核对"),
    ),
    "peer_suspended": (
        faults.signed_problem(PeerSuspended()),
        ("have suspended the line to us", "对方已暂停与我方的线路"),
        ("When they resume it", "对方恢复后"),
    ),
    "rate_limited": (faults.signed_problem(RateLimited()), ("more than they take at once", "一时接收不了"), KEPT),
    "unavailable": (faults.signed_problem(Unavailable()), ("not ready just now", "暂时没有就绪"), KEPT),
    "unsupported_coding": (
        faults.signed_problem(UnsupportedCoding()),
        ("cannot read what we send", "无法识别我方所发内容"),
        OPERATORS,
    ),
    "answer_unfit": (faults.wrong_receipt_digest(), ("does not fit what was sent", "与所发内容对不上"), OPERATORS),
    "answer_coded": (faults.coded(), ("nobody asked for", "不接受的压缩方式"), OPERATORS),
    "answer_too_large": (faults.too_big(), ("larger than this node takes", "过大"), OPERATORS),
}
MEASURED = {
    0: ("The same as ours", "与我方一致"),
    40: ("40 seconds ahead of ours", "比我方快 40 秒"),
    -90: ("90 seconds behind ours", "比我方慢 90 秒"),
}
NEED_SOMEONE = {
    "http_307", "bad_signature", "http_401", "clock_skew", "unsupported_coding", "answer_unfit", "answer_coded",
    "answer_too_large",
    "peer_suspended",
}  # fmt: skip


async def test_every_fault_stands_on_the_page_in_both_languages(world):
    """One peer goes through all of them: each takes the place of the one before."""
    await world.pair()
    world.queue()
    for code, (fault, what, to_do) in CAUSED.items():
        world.peer.next(fault)
        await world.retry()
        await world.deliver()
        shown = await world.api()
        assert (shown["wait_code"], shown["trouble"]["problem_code"]) == (code, code)
        assert shown["trouble"]["needs_someone"] == (code in NEED_SOMEONE), code
        assert shown["waiting"] == 1, "nothing is lost"
        await said_in(world, world.path, what, to_do, (code, code))
        await said_in(world, "/peers", what)
        marked = ("needs someone", "需要处理")
        for browser, mark in zip(world.browsers, marked, strict=True):
            rows = (await browser.reads("/peers")).split(world.peer.region)[1]
            assert (mark in rows) == (code in NEED_SOMEONE), code
    await world.retry()
    await world.deliver()
    assert (await world.api())["trouble"] is None
    await said_in(world, world.path, ("In order", "正常"))


GOOD = ("In order", "正常")
ALSO = {
    "reset_after_reading": (faults.reset_after_reading(), "no_connection"),
    "answer_lost": (faults.answer_lost(), "no_connection"),
    "cut": (faults.cut(), "no_connection"),
    "late": (faults.late(0.01), None),
    "slow": (faults.slow(64, 0.0), None),
    "twice": (faults.twice(), None),
    "unsigned_problem": (faults.unsigned_problem(Unavailable()), "http_503"),
    "wrong_key": (faults.wrong_key(STRANGER), "bad_signature"),
    "borrowed_keyid": (faults.borrowed_keyid(STRANGER, "A" * 43), "bad_signature"),
    "no_signature": (faults.no_signature(), "bad_signature"),
    "component_missing": (faults.component_missing(), "bad_signature"),
    "other_application": (faults.other_application(), "bad_signature"),
    "other_label": (faults.other_label(), "bad_signature"),
    "digest_sha512": (faults.digest_sha512(), "bad_signature"),
    "altered_body": (faults.altered_body(), "bad_signature"),
    "results_reversed": (faults.results_reversed(), "answer_unfit"),
    "result_missing": (faults.result_missing(), "answer_unfit"),
    "all_duplicates": (faults.all_duplicates(), None),
    "broken_json": (faults.broken_json(), "answer_unfit"),
    "duplicate_keys": (faults.duplicate_keys(), "answer_unfit"),
}
"""The faults that show as one of those above, or as a line in order."""

ELSEWHERE = {"refused", "of_another_request"}
"""A refused message stands among the refused ones (below); an answer to another request is one with a bad signature."""


def test_no_fault_of_a_mock_peer_is_left_out() -> None:
    made = {
        name for name, one in vars(faults).items() if getattr(one, "__annotations__", {}).get("return") is faults.Fault
    }
    shown = {fault.name.rstrip("0123456789").rstrip("_") for fault, *_ in CAUSED.values()}
    shown = {"signed_problem" if name.startswith("signed_") else name for name in shown}
    assert made == shown | ALSO.keys() | ELSEWHERE


async def test_each_other_fault_shows_as_one_of_these_or_as_a_line_in_order(world):
    await world.pair()
    for name, (fault, code) in ALSO.items():
        # Two, so that an order can be wrong.
        world.queue()
        world.queue("node.maintenance", AWAY)
        world.peer.next(fault)
        await world.retry()
        await world.deliver()
        shown = await world.api()
        assert shown["wait_code"] == code, name
        await said_in(world, world.path, GOOD if code is None else CAUSED[code][1])
        await world.retry()
        await world.deliver()
        assert (await world.api())["waiting"] == 0, name


async def test_what_a_peer_stops_for_good_waits_for_an_officer(world):
    await world.pair()
    world.queue()
    world.peer.next(faults.signed_problem(UnsupportedCoding(), retry="never"))
    await world.deliver()
    await said_in(world, world.path, ("Not before an officer says so", "须由工作人员重试"))
    assert (await world.api())["trouble"]["needs_someone"] is True
    world.clock.advance(days=2)
    await world.deliver()
    assert (await world.api())["waiting"] == 1
    await world.browser.sends(world.path, f"{world.path}/retry")
    await world.deliver()
    assert (await world.api())["waiting"] == 0


async def test_the_queue_its_age_and_the_next_try_are_told(world):
    await world.pair()
    world.wire.cut.add(f"{world.peer.region}.example")
    for _ in range(3):
        world.queue()
    await world.deliver()
    world.clock.advance(hours=5)
    await said_in(
        world,
        world.path,
        ("3 · the oldest since 23 Nov 2026 10:00 (5 hours)", "3 · 最早一条自2026年11月23日 10:00起（5 小时）"),
    )
    await said_in(world, "/peers", ("3 · 5 hours", "3 · 5 小时"), ("With messages waiting", "有待发消息"))
    shown = await world.api()
    assert (shown["waiting"], shown["waiting_since"], shown["failures"]) == (3, "2026-11-23T02:00:00Z", 1)
    assert shown["last_answer_at"] == "2026-11-23T02:00:00Z"
    await said_in(
        world, world.path, ("Next try At once", "下次尝试 立即"), ("Failed 1 time in a row", "已连续失败 1 次")
    )


async def test_the_peers_clock_is_measured_by_its_answers(world):
    await world.pair()
    for ahead, told in MEASURED.items():
        world.peer_clock.ahead = timedelta(seconds=ahead)
        world.queue()
        await world.deliver()
        assert (await world.api())["clock_offset_seconds"] == ahead
        await said_in(world, world.path, told)
    await said_in(world, world.path, ("look at the clocks", "请核对时钟"), ("more than a minute", "超过一分钟"))
    # Too far apart, the line stops, and the page says by how much.
    world.peer_clock.ahead = timedelta(seconds=700)
    world.queue()
    await world.deliver()
    shown = await world.api()
    assert (shown["wait"], shown["wait_code"], shown["clock_offset_seconds"]) == ("fixing", "clock_skew", 700)
    await said_in(
        world, world.path, ("700 seconds ahead of ours", "比我方快 700 秒"), ("too far apart", "时钟相差过大")
    )


# --- Pairing -------------------------------------------------------------------------------------------------------


async def test_a_peer_that_was_never_invited_says_so(world):
    world.accept()
    await world.deliver()
    await said_in(
        world,
        world.path,
        ("written none of our own", "还没有生成自己的邀请"),
        ("tonglu peer invite", "tonglu peer invite"),
    )


async def test_an_invited_peer_that_has_not_accepted_and_one_whose_invitation_expired(world):
    document = world.invite()
    world.accept()
    await world.deliver()
    assert (await world.api())["state"] == "invited"
    await said_in(
        world, world.path, ("have not accepted our invitation yet", "尚未接受我方邀请"), ("Invited", "已邀请")
    )
    await said_in(world, "/peers", ("can be taken until 7 Dec 2026", "有效至2026年12月7日"))
    world.clock.advance(days=14, minutes=1)
    await said_in(world, world.path, ("it has expired (7 Dec 2026 10:00)", "已于2026年12月7日 10:00过期"))
    await said_in(
        world,
        "/peers",
        ("has expired (7 Dec 2026 10:00)", "已于2026年12月7日 10:00过期"),
        ("needs someone", "需要处理"),
    )
    world.clock.advance(days=-14)
    world.peer.accept(document, probe=False)
    await world.retry()
    await world.deliver()
    assert (await world.api())["state"] == "active"
    await said_in(world, world.path, ("In order", "正常"), ("Paired", "已配对"))


async def test_a_peer_whose_node_has_other_keys_is_told_apart(world):
    """It was set up anew: it knows us no longer, and what it signs is not what was pinned."""
    await world.pair()
    world.peer.own.keys.take(STRANGER)
    world.queue()
    await world.deliver()
    assert (await world.api())["wait_code"] == "bad_signature"
    await said_in(world, world.path, ("not signed by the keys that we know", "签名与已知密钥不符"), SIX_WORDS)
    world.peer.memory.peers.clear()
    await world.retry()
    await world.deliver()
    await said_in(world, world.path, ("does not know us", "不认识我方"))


async def test_the_six_words_are_those_that_the_other_office_reads(world):
    await world.pair()
    theirs, ours = (world.peer.words(one) for one in ("zh-CN", "en")), world.own_words()
    for words in (*theirs, *ours):
        await said_in(world, world.path, (" ".join(words), " ".join(words)))
    shown = await world.api()
    assert shown["fingerprint"] == {"zh": world.peer.words("zh-CN"), "en": world.peer.words("en")}
    assert shown["their_key_since"] == shown["our_key_since"] == "2026-11-23T02:00:00Z"
    world.clock.advance(days=100)
    await said_in(
        world,
        world.path,
        ("known here since 23 Nov 2026 10:00 (100 days)", "自2026年11月23日 10:00起为我方所知（100 天）"),
    )


# --- Refused messages ----------------------------------------------------------------------------------------------


async def test_a_refused_message_stands_with_its_reason_and_both_ways_out(world):
    await world.pair()
    message, problem = world.queue(), NoAgreement()
    what = "no agreement with us that covers it", "没有与我方订立涵盖此事的协议"
    world.peer.next(faults.refused(problem), faults.refused(problem))
    await world.deliver()
    shown = await world.api()
    assert (shown["parked"], shown["waiting"], shown["trouble"]) == (1, 0, None)
    assert [one["problem_code"] for one in shown["parked_messages"]] == [problem.code]
    await said_in(world, world.path, what, ("Our node is back", "我方恢复通知"), ("Give it up", "放弃"))
    await said_in(world, f"/messages/{message}", what)
    await said_in(world, "/peers", ("1 refused", "1 条被拒收"), ("1 Need someone", "1 需要处理"))
    await said_in(world, "/peers?show=attention", ("青禾县", "青禾县"))
    await world.browser.sends(world.path, f"/messages/{message}/retry")
    assert (await world.api())["parked"] == 0
    await world.deliver()
    await world.browser.sends(world.path, f"/messages/{message}/give-up")
    await world.deliver()
    assert ((await world.api())["parked"], (await world.api())["waiting"]) == (0, 0)
    # Of a batch that cannot be read, the one message that is wrong is found.
    world.queue()
    world.peer.next(faults.signed_problem(Malformed()))
    await world.deliver()
    assert [one["problem_code"] for one in (await world.api())["parked_messages"]] == ["malformed"]
    await said_in(world, world.path, ("cannot read what we send", "无法识别我方所发内容"), OPERATORS)


# --- Away ----------------------------------------------------------------------------------------------------------


async def test_a_peer_away_by_announcement_is_waited_for(world):
    await world.pair()
    begins, ends = world.clock.now(), world.clock.now() + timedelta(hours=3)
    data = {"from": begins.isoformat().replace("+00:00", "Z"), "to": ends.isoformat().replace("+00:00", "Z")}
    message = world.peer.message(world.region.code, "tonglu.node.maintenance.v1", data)
    assert (await world.peer.post(world.region.code, [message])).results[0].result == "accepted"
    world.queue()
    await said_in(
        world, world.path, ("away for maintenance until 23 Nov 2026 13:00", "停机维护，至2026年11月23日 13:00为止")
    )
    await said_in(world, "/peers", ("away for maintenance", "停机维护"))
    assert (await world.api())["heard_at"] == "2026-11-23T02:00:00Z"
    world.clock.advance(hours=3)
    await world.deliver()
    await said_in(
        world, world.path, ("In order", "正常"), ("Their maintenance Nothing announced", "对方停机维护 未告知")
    )
