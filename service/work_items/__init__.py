"""Work items (待办): what an officer must do, with a due working day."""
