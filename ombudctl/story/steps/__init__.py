"""The steps of the story, in order: one function a step."""
