"""Contract: rest 5.7, 6.1 to 6.4, aliases 7, quirks R10, R22, R23, R33."""

from typing import Any

import pytest

from dcm.lib.threads import in_thread
from routing.models import KeywordToolScore
from tests.conftest import Api
from tests.contract.rest import Row, bad_fields, error_of, get, post_action
from tests.factories import make_score

SUGGEST = "/api/routing/suggest"


async def names(api: Api, keywords: str, /, **query: Any) -> list[str]:
    """The tools suggested for these keywords, best first."""
    reply = await get(api, SUGGEST, keywords=keywords, **query)
    return [tool["tool_name"] for tool in reply["suggestions"]]


async def feedback(api: Api, **body: Any) -> Row:
    response = await api.post("/api/routing/feedback", json=body)
    assert response.status_code == 200, response.text
    reply: Row = response.json()
    return reply


async def score_of(keyword: str, tool_name: str = "Edit") -> KeywordToolScore:
    return await in_thread(
        lambda: KeywordToolScore.objects.get(keyword=keyword, tool_name=tool_name)
    )


async def test_a_suggestion_sums_up_the_rows_of_its_keywords(api: Api) -> None:
    await in_thread(make_score, "login", score=1.5, usage_count=6, success_count=5)
    await in_thread(make_score, "form", score=1.2, usage_count=3, success_count=3)

    reply = await get(api, SUGGEST, keywords=" Login, FORM,,other ")

    assert reply == {
        "keywords": ["login", "form", "other"],
        "suggestions": [
            {
                "tool_name": "Edit",
                "tool_type": "builtin",
                "score": 1.35,
                "usage_count": 9,
                "success_rate": 89,
                "keyword_matches": ["form", "login"],
            }
        ],
        "count": 1,
        "compat_output": "Edit|builtin|1.35",
    }


async def test_no_suggestion_is_an_empty_one(api: Api) -> None:
    reply = await get(api, SUGGEST, keywords="login")

    assert reply == {"keywords": ["login"], "suggestions": [], "count": 0, "compat_output": ""}


async def test_more_matches_come_first_then_score_then_usage(api: Api) -> None:
    for keyword, tool, score, usage in [
        ("a", "Both", 0.6, 1),
        ("b", "Both", 0.6, 1),
        ("a", "Good", 2.0, 1),
        ("a", "Used", 1.0, 9),
        ("a", "Rare", 1.0, 2),
    ]:
        await in_thread(make_score, keyword, tool, score=score, usage_count=usage)

    reply = await get(api, SUGGEST, keywords="a,b")

    lines = ["Both|builtin|0.6", "Good|builtin|2", "Used|builtin|1", "Rare|builtin|1"]
    assert reply["compat_output"] == "\n".join(lines)


async def test_scores_are_rounded_to_three_decimals(api: Api) -> None:
    for keyword, score in [("a", 1.0), ("b", 1.0), ("c", 1.1)]:
        await in_thread(make_score, keyword, score=score)

    (tool,) = (await get(api, SUGGEST, keywords="a,b,c"))["suggestions"]

    assert tool["score"] == 1.033


async def test_an_unused_tool_has_no_success(api: Api) -> None:
    await in_thread(make_score, "login", usage_count=0, success_count=0)

    (tool,) = (await get(api, SUGGEST, keywords="login"))["suggestions"]

    assert (tool["usage_count"], tool["success_rate"]) == (0, 0)


async def test_the_least_score_is_met_by_each_row_and_inclusive(api: Api) -> None:
    await in_thread(make_score, "a", "Edit", score=0.5)
    await in_thread(make_score, "a", "Read", score=0.49)
    await in_thread(make_score, "b", "Read", score=3.0)

    assert await names(api, "a") == ["Edit"]
    assert await names(api, "a", min_score="0.45") == ["Edit", "Read"]
    assert await names(api, "a,b", min_score="3") == ["Read"]
    assert await names(api, "a,b", min_score="3.01") == []


@pytest.mark.parametrize("text", ["", "x", "NaN", "Infinity", "-inf", "."])
async def test_an_odd_least_score_is_the_default(api: Api, text: str) -> None:
    await in_thread(make_score, "a", "Edit", score=0.5)
    await in_thread(make_score, "a", "Read", score=0.49)

    assert await names(api, "a", min_score=text) == ["Edit"]


async def test_a_tool_type_is_met_exactly(api: Api) -> None:
    await in_thread(make_score, "a", "Edit", tool_type="builtin")
    await in_thread(make_score, "a", "query", tool_type="mcp")

    assert await names(api, "a", tool_type="mcp") == ["query"]
    assert await names(api, "a", tool_type="MCP") == []


@pytest.mark.parametrize(
    ("text", "count"),
    [("3", 3), ("0", 0), ("2.9", 2), ("99", 50), ("", 10), ("x", 10), ("-1", 10)],
)
async def test_the_limit_is_10_unless_given_and_at_most_50(api: Api, text: str, count: int) -> None:
    scores = [KeywordToolScore(keyword="a", tool_name=f"t{n}", tool_type="mcp") for n in range(60)]
    await in_thread(KeywordToolScore.objects.bulk_create, scores)

    assert len(await names(api, "a", limit=text)) == count


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "Missing required query parameter: keywords"),
        ("?keywords=", "Missing required query parameter: keywords"),
        ("?keywords=%20,,", "No valid keywords provided"),
        ("?keywords=,", "No valid keywords provided"),
    ],
)
async def test_suggestions_need_keywords(api: Api, query: str, error: str) -> None:
    assert error_of(await api.get(SUGGEST + query)) == (400, error)


async def test_actions_teach_which_tool_suits_which_keyword(api: Api) -> None:
    await post_action(api, input="login form")
    await post_action(api, input="LOGIN", exit_code=1)
    await post_action(api, input="login")

    login, form = await score_of("login"), await score_of("form")

    assert login.score == pytest.approx(1.0 - 0.05 + 0.1)
    assert (login.usage_count, login.success_count) == (3, 2)
    assert (form.score, form.usage_count, form.success_count) == (1.0, 1, 1)


async def test_a_first_failure_starts_at_1_without_a_success(api: Api) -> None:
    await post_action(api, input="login", exit_code=2)

    row = await score_of("login")

    assert (row.score, row.usage_count, row.success_count) == (1.0, 1, 0)


async def test_only_the_input_of_an_action_teaches(api: Api) -> None:
    await post_action(api, output="login", file_paths=["/login"], tool_name="login")

    assert await names(api, "login") == []


async def test_the_type_of_a_tool_is_the_latest_one(api: Api) -> None:
    await post_action(api, input="login", tool_type="builtin")
    await post_action(api, input="login", tool_type="mcp")

    reply = await get(api, SUGGEST, keywords="login")

    assert reply["compat_output"] == "Edit|mcp|1.1"


@pytest.mark.parametrize(
    ("start", "exit_code", "end"), [(4.95, 0, 5.0), (5.0, 0, 5.0), (0.12, 1, 0.1), (0.1, 1, 0.1)]
)
async def test_scores_stay_between_a_tenth_and_5(
    api: Api, start: float, exit_code: int, end: float
) -> None:
    await in_thread(make_score, "login", score=start)

    await post_action(api, input="login", exit_code=exit_code)

    assert (await score_of("login")).score == pytest.approx(end)


async def test_stats_of_no_scores_are_zero(api: Api) -> None:
    assert await get(api, "/api/routing/stats") == {
        "totals": {
            "total_records": 0,
            "unique_keywords": 0,
            "unique_tools": 0,
            "avg_score": 0,
            "avg_usage": 0,
        },
        "top_by_score": [],
        "top_by_usage": [],
        "type_distribution": [],
    }


async def test_stats_group_by_tool_and_round(api: Api) -> None:
    for keyword, tool, kind, score, usage in [
        ("a", "Edit", "builtin", 1.0, 1),
        ("b", "Edit", "builtin", 2.0, 2),
        ("a", "query", "mcp", 1.1, 7),
        ("a", "Read", "builtin", 1.0, 1),
    ]:
        await in_thread(make_score, keyword, tool, tool_type=kind, score=score, usage_count=usage)

    stats = await get(api, "/api/routing/stats")

    edit, query, read = (
        {"tool_name": "Edit", "tool_type": "builtin"},
        {"tool_name": "query", "tool_type": "mcp"},
        {"tool_name": "Read", "tool_type": "builtin"},
    )
    assert stats == {
        "totals": {
            "total_records": 4,
            "unique_keywords": 2,
            "unique_tools": 3,
            "avg_score": 1.275,
            "avg_usage": 2.8,
        },
        "top_by_score": [
            {**edit, "avg_score": 1.5},
            {**query, "avg_score": 1.1},
            {**read, "avg_score": 1.0},
        ],
        "top_by_usage": [
            {**query, "total_usage": 7},
            {**edit, "total_usage": 3},
            {**read, "total_usage": 1},
        ],
        "type_distribution": [
            {"tool_type": "builtin", "tool_count": 2},
            {"tool_type": "mcp", "tool_count": 1},
        ],
    }


async def test_stats_list_ten_tools(api: Api) -> None:
    scores = [KeywordToolScore(keyword="a", tool_name=f"t{n}", tool_type="mcp") for n in range(11)]
    await in_thread(KeywordToolScore.objects.bulk_create, scores)

    stats = await get(api, "/api/routing/stats")

    assert [len(stats[name]) for name in ("top_by_score", "top_by_usage")] == [10, 10]


@pytest.mark.parametrize(("chosen", "adjustment"), [(True, 0.2), (False, -0.1), (None, -0.1)])
async def test_feedback_moves_the_score_and_nothing_else(
    api: Api, chosen: bool | None, adjustment: float
) -> None:
    await in_thread(make_score, "login", usage_count=3, success_count=2)

    reply = await feedback(api, tool_name="Edit", keywords=["Login", "x"], chosen=chosen)

    message = "Updated 2 keyword scores for Edit"
    assert reply == {"success": True, "message": message, "adjustment": adjustment}
    row = await score_of("login")
    assert row.score == pytest.approx(1.0 + adjustment)
    assert (row.usage_count, row.success_count) == (3, 2)


async def test_feedback_without_a_choice_is_a_rejection(api: Api) -> None:
    assert (await feedback(api, tool_name="Edit", keywords=["a"]))["adjustment"] == -0.1


async def test_feedback_makes_no_rows(api: Api) -> None:
    await feedback(api, tool_name="Edit", keywords=["login"], chosen=True)

    assert (await get(api, "/api/routing/stats"))["totals"]["total_records"] == 0


async def test_feedback_touches_only_the_tool_that_it_names(api: Api) -> None:
    await in_thread(make_score, "login", "Read")

    await feedback(api, tool_name="Edit", keywords=["login"], chosen=True)

    assert (await score_of("login", "Read")).score == 1.0


@pytest.mark.parametrize(
    ("start", "chosen", "end"), [(4.9, True, 5.0), (0.15, False, 0.1), (5.0, True, 5.0)]
)
async def test_feedback_stays_within_the_range_of_scores(
    api: Api, start: float, chosen: bool, end: float
) -> None:
    await in_thread(make_score, "login", score=start)

    await feedback(api, tool_name="Edit", keywords=["login"], chosen=chosen)

    assert (await score_of("login")).score == pytest.approx(end)


async def test_keywords_of_feedback_may_be_one_text(api: Api) -> None:
    await in_thread(make_score, "login")

    reply = await feedback(api, tool_name="Edit", keywords="Login, form,", chosen=True)

    assert reply["message"] == "Updated 2 keyword scores for Edit"
    assert (await score_of("login")).score == pytest.approx(1.2)


async def test_an_empty_keyword_of_feedback_means_nothing(api: Api) -> None:
    reply = await feedback(api, tool_name="Edit", keywords=["", "login"], chosen=True)

    assert reply["message"] == "Updated 2 keyword scores for Edit"


async def test_feedback_knows_the_names_of_the_sdk(api: Api) -> None:
    reply = await feedback(api, selected_tool="Edit", keywords=["a"], was_helpful=True)
    ours = await feedback(
        api, tool_name="Edit", keywords=["a"], chosen=False, selected_tool="X", was_helpful=True
    )

    assert (reply["adjustment"], ours["adjustment"]) == (0.2, -0.1)
    assert ours["message"].endswith("Edit")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tool_name": "Edit"},
        {"keywords": ["a"]},
        {"tool_name": "", "keywords": ["a"]},
        {"tool_name": "Edit", "keywords": []},
        {"tool_name": "Edit", "keywords": ""},
        {"tool_name": None, "keywords": None},
    ],
)
async def test_feedback_needs_a_tool_and_keywords(api: Api, body: Row) -> None:
    response = await api.post("/api/routing/feedback", json=body)

    assert error_of(response) == (400, "Missing required fields: tool_name and keywords")


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"tool_name": 5}, "tool_name"),
        ({"keywords": {"a": 1}}, "keywords"),
        ({"keywords": ["a", 5]}, "keywords"),
        ({"keywords": [None]}, "keywords"),
        ({"chosen": "false"}, "chosen"),
        ({"chosen": 1}, "chosen"),
    ],
)
async def test_feedback_of_the_wrong_types_is_refused(api: Api, fields: Row, bad: str) -> None:
    body = {"tool_name": "Edit", "keywords": ["a"], "chosen": True, **fields}

    response = await api.post("/api/routing/feedback", json=body)

    assert bad_fields(response) == {bad}
