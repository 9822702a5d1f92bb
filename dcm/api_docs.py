"""The OpenAPI document and the pages that show it, all from this server: no other host is asked."""

from typing import Any

from drf_spectacular import renderers
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dcm.lib.api import AnyAccept
from dcm.openapi_document import document


class ByFormat(AnyAccept):
    """?format= counts more than Accept. An unknown one is a 404."""

    def select_renderer(self, request: Request, offered: Any, format_suffix: Any = None) -> Any:
        wanted = request.query_params.get("format")
        if wanted is not None:
            renderer = self.filter_renderers(offered, wanted)[0]
            return renderer, renderer.media_type
        return super().select_renderer(request, offered, format_suffix)


class Schema(APIView):
    failure = "Failed to describe the API"
    content_negotiation_class = ByFormat
    renderer_classes = [
        renderers.OpenApiJsonRenderer2,
        renderers.OpenApiJsonRenderer,
        renderers.OpenApiYamlRenderer2,
        renderers.OpenApiYamlRenderer,
    ]

    def get(self, request: Request) -> Response:
        return Response(document())


class SwaggerUi(SpectacularSwaggerView):
    url = "/api/schema"


class Redoc(SpectacularRedocView):
    url = "/api/schema"
    template_name = "dcm/redoc.html"  # without the fonts of another host
