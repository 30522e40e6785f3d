"""Getting a population out of a FHIR server: FHIR Bulk Data Access with SMART Backend Services (`nmcds export-from`)."""
