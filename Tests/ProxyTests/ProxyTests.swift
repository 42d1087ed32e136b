// Tests of the room Proxy.
