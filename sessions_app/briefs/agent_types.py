"""Which kind of brief an agent gets. Contract: context-briefs 2.2, 4, 6."""

import re
from dataclasses import dataclass

CATEGORIES = ("orchestrator", "developer", "validator", "specialist", "researcher", "writer")

_TYPES = {
    "orchestrator": "project-supervisor tech-lead step-orchestrator fullstack-coordinator",
    "developer": """
        backend-laravel frontend-react laravel-api database-admin react-native-dev react-native-ui
        react-native-api supabase-backend supabase-edge devops-infra migration-specialist
        performance-engineer react-refine supabase-realtime supabase-storage
    """,
    "validator": "qa-testing regression-guard validator code-reviewer",
    "specialist": """
        security-specialist gdpr-dpo legal-compliance accessibility-specialist seo-specialist
        i18n-specialist impact-analyzer n8n-specialist openapi-expert superpdp-expert
    """,
    "researcher": "explore-codebase explore-docs market-researcher business-analyst",
    "writer": "technical-writer fix-grammar customer-success product-manager",
}
CATEGORY_OF_TYPE = {name: kind for kind, names in _TYPES.items() for name in names.split()}

# The first word found in an agent's id decides, in this order.
_TYPE_OF_WORD = {
    "supervisor": "project-supervisor",
    "lead": "tech-lead",
    "orchestrator": "step-orchestrator",
    "backend": "backend-laravel",
    "frontend": "frontend-react",
    "database": "database-admin",
    "qa": "qa-testing",
    "test": "qa-testing",
    "security": "security-specialist",
    "gdpr": "gdpr-dpo",
    "seo": "seo-specialist",
    "validator": "validator",
    "reviewer": "code-reviewer",
}

# Wildcards of the README, after the exact names; the more specific come first.
_WILDCARDS = [
    (re.compile(r".+-(specialist|expert)"), "specialist"),
    (re.compile(r"security-.+"), "validator"),
    (re.compile(r"(backend|frontend|database)-.+"), "developer"),
]


def infer_type(agent_id: str) -> str:
    """The agent type that an id suggests, `developer` when it suggests none.

    An exact name wins, then whole words of it, then parts of words. Contract: C03.
    """
    plain = re.sub(r"^agent[-_]", "", agent_id.lower())
    plain = re.sub(r"[-_]\d+$", "", plain)
    plain = re.sub(r"[-_]worker$", "", plain)
    for name in (agent_id.lower(), plain):
        if name in CATEGORY_OF_TYPE:
            return name
    words = re.split(r"[-_]", plain)
    for word, found in _TYPE_OF_WORD.items():
        if word in words:
            return found
    return next((found for word, found in _TYPE_OF_WORD.items() if word in plain), "developer")


def category_of(agent_type: str) -> str:
    """One of CATEGORIES. Contract: C06."""
    name = agent_type.lower()
    if name in CATEGORY_OF_TYPE:
        return CATEGORY_OF_TYPE[name]
    if name in CATEGORIES:
        return name
    matching = (kind for pattern, kind in _WILDCARDS if pattern.fullmatch(name))
    return next(matching, "developer")


@dataclass(frozen=True, slots=True)
class Speciality:
    """What a specialist looks at. words: of tasks that concern it."""

    name: str
    focus: str
    words: tuple[str, ...] = ()
    guidelines: tuple[str, ...] = ()
    remark: str = ""


_SPECIALITIES = {
    ("security",): Speciality(
        "Security",
        "vulnerabilities and risks",
        ("security", "vulnerability", "auth", "permission", "xss", "sql"),
        (
            "Hold the change against the OWASP Top 10",
            "Look where input is validated, and where it is not",
            "Check who is authenticated and what each may do",
            "Search for data that leaks into logs, replies and errors",
            "Audit the dependencies that are touched",
        ),
        "OWASP Top 10 applies; for health data also the rules on hosting it.",
    ),
    ("gdpr", "dpo"): Speciality(
        "GDPR/Privacy",
        "data-protection compliance",
        ("gdpr", "privacy", "consent", "personal data", "dpo"),
        (
            "Is there consent or another legal basis",
            "How long is the data kept",
            "Who can reach it",
            "Can it be erased on request",
            "Is the processing recorded",
        ),
        "Compliance is mandatory here, not advice.",
    ),
    ("accessibility", "a11y"): Speciality(
        "Accessibility",
        "WCAG 2.1 compliance",
        ("a11y", "accessibility", "wcag", "aria", "screen reader"),
        (
            "Everything works by keyboard",
            "ARIA roles and names are right",
            "Contrast is sufficient",
            "Screen readers tell the same story",
            "Forms have labels and say what is wrong",
        ),
    ),
    ("seo",): Speciality(
        "SEO",
        "search-engine optimisation",
        ("seo", "search", "meta", "sitemap", "schema"),
        (
            "Titles and meta data",
            "Structured data",
            "URLs that last",
            "Loading speed",
            "Mobile pages",
        ),
    ),
    ("legal", "compliance"): Speciality(
        "Legal Compliance",
        "regulatory compliance",
        ("legal", "compliance", "contract", "license", "regulation"),
        (
            "Terms of use",
            "Cookies",
            "Licences of what is used",
            "Third parties and what they receive",
            "Documents that must exist",
        ),
    ),
    ("impact",): Speciality(
        "Impact Analysis",
        "change-impact assessment",
        ("impact", "analysis", "change", "dependency", "risk"),
        (
            "Which parts are affected",
            "What depends on them",
            "How likely and how bad a failure is",
            "What breaks for callers",
            "How to soften it",
        ),
    ),
}
_ANY_SPECIALITY = Speciality(
    "Specialist",
    "domain expertise",
    guidelines=(
        "Bring what your domain knows",
        "Write findings down with their place",
        "Recommend, with a reason",
        "Name critical points first",
    ),
)


def speciality_of(agent_type: str, agent_id: str) -> Speciality:
    """By the type, else by the id. Contract: C08."""
    for text in (agent_type.lower(), agent_id.lower()):
        for words, speciality in _SPECIALITIES.items():
            if any(word in text for word in words):
                return speciality
    return _ANY_SPECIALITY
