// Tests of the room XDS.
