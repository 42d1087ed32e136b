// Tests of the room Base.
