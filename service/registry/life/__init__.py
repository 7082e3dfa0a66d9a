"""What happens to a record after it was registered: moving, ending, reopening, voiding, going to another township."""
