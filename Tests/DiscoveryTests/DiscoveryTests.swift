// Tests of the room Discovery.
