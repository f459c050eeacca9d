"""Splunk Enterprise Security's room: notable events, updated and turned into alerts."""
