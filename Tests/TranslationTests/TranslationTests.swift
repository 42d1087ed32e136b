// Tests of the room Translation.
