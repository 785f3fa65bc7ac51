"""Extensions of editors."""
