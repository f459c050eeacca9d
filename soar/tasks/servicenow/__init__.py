"""ServiceNow's room: tickets, each opened once."""
