"""The month's reports (月报): counted once when a month is closed, and then only read."""
