"""Our own web pages: templates in two languages under a strict content security policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sanic import Request
from sanic.response import HTTPResponse

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def language(request: Request[Any, Any]) -> str:
    """`zh-CN` or `en`: what `?lang=` says, else the browser's first language, else Chinese."""
    wanted = request.args.get("lang") or request.headers.get("accept-language", "")
    return "en" if wanted.strip().lower().startswith("en") else "zh-CN"


def page(
    request: Request[Any, Any], template: str, *, status: int = 200, form_action: str = "'self'", **values: Any
) -> HTTPResponse:
    """A page made of a template, which also gets `lang` and `t(zh, en)`.

    Scripts, styles, images and calls come from this server alone, and nothing inline runs; `form_action` says where its
    forms may lead. A page of any other status than 200, or whose forms lead elsewhere, is not kept.
    """
    lang = language(request)

    def t(zh: str, en: str) -> str:
        return en if lang == "en" else zh

    body = _templates.get_template(template).render(lang=lang, t=t, **values)
    headers = _HEADERS | {"content-security-policy": f"{_POLICY}; form-action {form_action}"}
    if status != 200 or form_action != "'self'":
        headers["cache-control"] = "no-store"
    return HTTPResponse(body, status, headers, "text/html; charset=utf-8")


_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
    "vary": "accept-language",
}
