"""The run: a shop gets a checkout. Three agents build it, one waits for another, one test fails."""

from collections.abc import Sequence
from itertools import chain

from dcm.demo.steps import (
    FOLDER,
    LEAD,
    Step,
    begin_session,
    call,
    coordinate,
    end_session,
    hook,
    join,
    leave,
    message,
    start,
    stop,
)

BACKEND, FRONTEND, TESTER, REVIEWER = "backend", "frontend", "qa-testing", "code-reviewer"
VIEW, FORM, TESTS = (
    f"{FOLDER}/checkout/views.py",
    f"{FOLDER}/web/src/CheckoutForm.tsx",
    f"{FOLDER}/tests/test_checkout.py",
)
PROMPT = "Add a checkout to the shop: address, payment, confirmation mail, and tests for all of it"
SUMMARY = (
    "Checkout: POST /api/orders takes address and payment token; prices are in cents; the form "
    "posts to it. The backend is done, the form is wired up, tests are being written."
)

OPENING: Sequence[Sequence[Step]] = [
    [
        Step(
            path="/api/projects",
            body={"path": FOLDER, "name": "Shop", "metadata": {"demo": True}},
            says="opens the project /home/mia/shop",
        ),
        begin_session(),
        Step(
            path="/api/subscribe",
            body={"agent_id": "lead-${run}", "topic": "task.completed"},
            says="wants to hear of completed tasks",
        ),
        hook(
            "UserPromptSubmit",
            says=f"is asked: {PROMPT}",
            prompt=PROMPT,
            prompt_id="${run} prompt 1",
        ),
        join(LEAD, "source"),
    ],
    call(
        LEAD,
        "Bash",
        "git log --oneline -5",
        {"command": "git log --oneline -5", "description": "See what was done last"},
        stdout="a41c9de Cart keeps its lines\n77d0b1f Prices in cents",
    ),
    call(
        LEAD,
        "Grep",
        "looks for the cart",
        {"pattern": r"class Cart\b", "path": FOLDER, "output_mode": "content"},
        content="cart/models.py:12:class Cart(models.Model):",
    ),
    call(
        LEAD,
        "Read",
        "reads cart/models.py",
        {"file_path": f"{FOLDER}/cart/models.py"},
        content="class Cart(models.Model):\n    ...",
    ),
    [
        coordinate(
            LEAD,
            "POST",
            "decisions",
            "decides: amounts are whole cents",
            decision="Amounts are whole cents, in the API as in the database",
            rationale="Sums of floats do not add up",
            agent_id="${lead}",
        ),
        coordinate(
            LEAD,
            "PUT",
            "context/api/orders",
            "shares the shape of POST /api/orders",
            value='{"address": {"street": "…", "city": "…"}, "payment_token": "tok_…"}',
            tags=["api", "checkout"],
            agent_id="${lead}",
        ),
    ],
]

BUILDING: Sequence[Sequence[Step]] = [
    start(BACKEND, "Write POST /api/orders with payment and confirmation mail"),
    start(FRONTEND, "Write the checkout form and wire it to the API"),
    [join(BACKEND, "source"), join(FRONTEND, "target")],
    call(
        BACKEND,
        "Read",
        "reads shop/urls.py",
        {"file_path": f"{FOLDER}/shop/urls.py"},
        content="urlpatterns = [...]",
    ),
    call(
        FRONTEND,
        "Glob",
        "finds the existing forms",
        {"pattern": "web/src/**/*Form.tsx", "path": FOLDER},
        filenames=[f"{FOLDER}/web/src/LoginForm.tsx"],
    ),
    [
        Step(
            path="/api/blocking",
            body={
                "blocked_by": "backend-${run}",
                "blocked_agent": "frontend-${run}",
                "reason": "The answer of POST /api/orders is about to change",
            },
            who=BACKEND,
            says="asks frontend to wait: the API is about to change",
            opens="block",
        ),
        Step(
            method="GET",
            path="/api/subtasks?agent_id=frontend-${run}",
            who=FRONTEND,
            keep={"form_subtask": "subtasks.0.id"},
        ),
        Step(
            method="PATCH",
            path="/api/subtasks/${form_subtask}",
            body={"status": "blocked"},
            who=FRONTEND,
            says="waits",
        ),
        coordinate(
            FRONTEND,
            "POST",
            "questions",
            "asks: what does POST /api/orders answer when the card is refused?",
            keep={"question": "question.id"},
            question="What does POST /api/orders answer when the card is refused?",
            to_agent="${backend}",
            agent_id="${frontend}",
        ),
    ],
    call(
        BACKEND,
        "Write",
        "writes checkout/views.py",
        {
            "file_path": VIEW,
            "content": "class Orders(APIView):\n    def post(self, request):\n"
            "        order = place_order(**OrderInput.read(request.data))\n"
            "        return Response(OrderOutput(order).data, status=201)\n",
        },
        seconds=1.6,
        type="create",
    ),
    call(
        BACKEND,
        "mcp__stripe__create_payment_intent",
        "tries the payment provider's sandbox",
        {"amount": 4_990, "currency": "eur", "confirm": False},
        seconds=1.4,
        id="pi_3Q1demo",
        status="requires_confirmation",
    ),
    [
        coordinate(
            BACKEND,
            "POST",
            "questions/${question}/answer",
            "answers: 402 with the provider's reason",
            answer='402 with {"error": "card_declined", "message": "…"}; the cart stays as it is',
            agent_id="${backend}",
        ),
        coordinate(
            BACKEND,
            "PUT",
            "context/api/orders",
            "shares the new shape of POST /api/orders",
            value='{"address": {…}, "payment_token": "tok_…"} -> 201 {"order_id": "…"} | 402',
            tags=["api", "checkout"],
            agent_id="${backend}",
        ),
        Step(
            path="/api/unblock",
            body={"blocked_by": "backend-${run}", "blocked_agent": "frontend-${run}"},
            who=BACKEND,
            says="lets frontend go on",
            closes="block",
        ),
        message(BACKEND, "POST /api/orders is settled, see api/orders", to=FRONTEND, priority=7),
        Step(
            method="GET",
            path="/api/messages/frontend-${run}",
            who=FRONTEND,
            says="reads its messages",
        ),
        Step(
            method="PATCH",
            path="/api/subtasks/${form_subtask}",
            body={"status": "running"},
            who=FRONTEND,
            says="goes on",
        ),
    ],
    call(
        FRONTEND,
        "Write",
        "writes CheckoutForm.tsx",
        {
            "file_path": FORM,
            "content": "export function CheckoutForm({ cart }: Props) {\n"
            "  const [refused, setRefused] = useState<string>();\n  ...\n}\n",
        },
        seconds=1.8,
        type="create",
    ),
    call(
        BACKEND,
        "Edit",
        "sends the confirmation mail after the commit",
        {
            "file_path": VIEW,
            "old_string": "send_confirmation(order)",
            "new_string": "transaction.on_commit(lambda: send_confirmation(order))",
        },
        type="update",
    ),
    call(
        FRONTEND,
        "Bash",
        "npm run typecheck",
        {"command": "npm run typecheck", "description": "Check the types"},
        seconds=2.2,
        stdout="Found 0 errors.",
    ),
    [
        *stop(BACKEND, "POST /api/orders takes payment and sends the mail after the commit."),
        message(BACKEND, "The API is ready", topic="task.completed", priority=5),
        *stop(FRONTEND, "The form posts to the API and says why a card was refused."),
        leave(FRONTEND),
    ],
]

TESTING: Sequence[Sequence[Step]] = [
    start(TESTER, "Test the checkout: success, refused card, empty cart"),
    call(
        TESTER,
        "Read",
        "reads checkout/views.py",
        {"file_path": VIEW},
        content="class Orders(APIView): ...",
    ),
    call(
        TESTER,
        "Write",
        "writes tests/test_checkout.py",
        {
            "file_path": TESTS,
            "content": "def test_a_refused_card_leaves_the_cart_as_it_is(client): ...\n",
        },
        seconds=1.5,
        type="create",
    ),
    call(
        TESTER,
        "Bash",
        "pytest tests/test_checkout.py -q",
        {"command": "pytest tests/test_checkout.py -q", "description": "Run the new tests"},
        seconds=2.5,
        error="Command failed with exit code 1\nE   assert 500 == 402\n1 failed, 4 passed in 1.93s",
    ),
    [
        message(
            TESTER,
            "A refused card answers 500 instead of 402",
            to=LEAD,
            topic="alert.blocking",
            priority=9,
        ),
        hook("PreCompact", says="compacts its conversation", trigger="auto"),
        hook("PostCompact", trigger="auto", compact_summary=SUMMARY),
        hook(
            "SessionStart",
            says="goes on with a brief of its work so far",
            source="compact",
            model="claude-opus",
        ),
    ],
    call(
        LEAD,
        "Edit",
        "turns the provider's refusal into 402",
        {
            "file_path": VIEW,
            "old_string": "except CardError:\n    raise",
            "new_string": "except CardError as refusal:\n    raise PaymentRefused(refusal.reason)",
        },
        type="update",
    ),
    call(
        TESTER,
        "Bash",
        "pytest tests/test_checkout.py -q, again",
        {"command": "pytest tests/test_checkout.py -q", "description": "Run the new tests again"},
        seconds=2.0,
        stdout="5 passed in 1.71s",
    ),
    stop(TESTER, "Five tests cover the checkout; all pass."),
]

CLOSING: Sequence[Sequence[Step]] = [
    start(REVIEWER, "Review the checkout before it is merged"),
    call(
        REVIEWER,
        "Bash",
        "git diff --stat main",
        {"command": "git diff --stat main", "description": "See what changed"},
        stdout=" 3 files changed, 214 insertions(+), 6 deletions(-)",
    ),
    call(
        REVIEWER,
        "Skill",
        "looks for security problems",
        {"skill": "security-review", "args": "checkout"},
        seconds=1.8,
        text="No findings.",
    ),
    [
        *stop(REVIEWER, "No findings; ready to merge."),
        Step(
            method="GET",
            path="/api/routing/suggest?keywords=pytest,tests",
            says="asks which tool ran tests best",
        ),
        leave(BACKEND),
        leave(LEAD),
        hook("Stop", says="has answered", last_assistant_message="The checkout is ready."),
    ],
    [end_session()],
]

RUN: tuple[Step, ...] = tuple(chain(*OPENING, *BUILDING, *TESTING, *CLOSING))
