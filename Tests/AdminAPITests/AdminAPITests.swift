// Tests of the room AdminAPI.
