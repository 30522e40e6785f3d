"""The OpenAPI document of the CDS Hooks endpoints, which are plain routes for speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from cds_hooks.discovery import Service
from cds_hooks.envelope import Envelope
from cds_hooks.feedback import FeedbackRequest

__all__ = ["document"]

OUTCOME = {"content": {"application/fhir+json": {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}}}
SCHEMAS: dict[str, Any] = {
    "OperationOutcome": {
        "type": "object",
        "required": ["resourceType", "issue"],
        "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "items": {"type": "object"}}},
    },
    "Cards": {"type": "object", "required": ["cards"], "properties": {"cards": {"type": "array", "items": {"type": "object"}}}},
}


def document(title: str, version: str, services: Mapping[str, Service], routes: list[BaseRoute]) -> dict[str, Any]:
    """Discovery, hooks and feedback, and whatever FastAPI routes there are besides."""
    found = get_openapi(title=title, version=version, routes=[route for route in routes if isinstance(route, APIRoute)])
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(SCHEMAS)
    for model in (Envelope, FeedbackRequest):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    identifier = {"name": "service_id", "in": "path", "required": True, "schema": {"enum": list(services)}}
    found["paths"].update(
        {
            "/cds-services": {"get": {"summary": "Discovery", "responses": {"200": {"description": "The services"}}}},
            "/cds-services/{service_id}": {
                "post": _post(
                    "Call a service", "Envelope", "The cards", "Cards", identifier, ("400", "401", "404", "412", "413", "415", "429", "503")
                ),
            },
            "/cds-services/{service_id}/feedback": {
                "post": _post(
                    "Send feedback", "FeedbackRequest", "Stored", None, identifier, ("400", "401", "404", "413", "415", "429", "503")
                ),
            },
        }
    )
    return found


def _post(summary: str, body: str, answer: str, schema: str | None, identifier: dict[str, Any], errors: tuple[str, ...]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": answer}
    if schema:
        good["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {
        "summary": summary,
        "parameters": [identifier],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}},
        "responses": {"200": good} | {status: {"description": "OperationOutcome", **OUTCOME} for status in errors},
    }
