"""Messages to people that a request about them was put or came (rule 5); a notice, not a reminder."""
