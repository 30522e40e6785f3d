"""Invented patients and requests in FHIR R4, for the demo page, the tests and anyone who wants to try the service."""
