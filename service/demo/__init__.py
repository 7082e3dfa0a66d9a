"""Two paired nodes with invented people, and the story that they play (`tonglu demo`)."""
