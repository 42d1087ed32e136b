// Tests of the room Identity.
