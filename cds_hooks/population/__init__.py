"""The rules over whole populations: an export is read, grouped by patient and asked about the way an EHR asks (`nmcds screen`)."""
