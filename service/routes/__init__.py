"""What every request goes through, and the routes that belong to no room."""
